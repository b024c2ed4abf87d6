# known-answers: which saliency method is right, and which measure would have said so, on networks whose right answer is known
#
#   make -f known-answers.mk -j2                                     every construction, in the folder OUT; prints the tables
#   make -f known-answers.mk SAMPLES=200 STEPS=64 SEED=1             more images and finer curves
#   make -f known-answers.mk CONSTRUCTIONS='cue-weak cue-strong'     some of them
#
# Nothing is trained or fetched: networks are built by hand, images are drawn, and the truth is an exact Shapley value
# (gradtools help mathematics#known-answers). Each construction is a store and a picture of one image with all its maps.

CONSTRUCTIONS ?= window channels cue-weak cue-strong cue-and cue-or two-taps
SAMPLES ?= 48
STEPS ?= 16
RESAMPLES ?= 1000
SEED ?= 0
OUT ?= known-answers
GRADTOOLS ?= gradtools

export SAMPLES STEPS RESAMPLES SEED CONSTRUCTIONS

STORES = $(CONSTRUCTIONS:%=$(OUT)/%.h5)

.PHONY: all
all: $(OUT)/known-answers.txt
	@cat $<

$(OUT)/known-answers.txt: $(STORES) $(OUT)/which.txt
	$(GRADTOOLS) evaluate $(STORES) --layout known-answers > $@

$(STORES): $(OUT)/%.h5: $(OUT)/sizes.txt
	$(GRADTOOLS) trial $* --samples "$$SAMPLES" --steps "$$STEPS" --resamples "$$RESAMPLES" --seed "$$SEED" \
	  --figure $(OUT)/$*.png -o $@ --force

# What a target depends on beside files: each text is written anew only where it says something else, also under make -n.
$(OUT)/sizes.txt: SAYS = "$$SAMPLES" "$$STEPS" "$$RESAMPLES" "$$SEED"
$(OUT)/which.txt: SAYS = "$$CONSTRUCTIONS"
$(addprefix $(OUT)/,sizes.txt which.txt): FORCE
	+@mkdir -p $(OUT); printf '%s\n' $(SAYS) | cmp -s - $@ || printf '%s\n' $(SAYS) > $@
.PHONY: FORCE
FORCE:

.DELETE_ON_ERROR:
