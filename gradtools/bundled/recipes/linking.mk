# linking: a classifier linked to a generator: pictures that come back, what units change, the population, and moves to other classes
#
#   make -f linking.mk                                               the bundled creatures: everything below, in the folder OUT
#   make -f linking.mk GENERATOR=gradtools.bundled.digit_generator:Digits MODEL=gradtools.bundled.lenet:digits PSI=0.7 PART=object POPULATION=
#   make -f linking.mk GENERATOR=gradtools.bundled.stylegan_xl:StyleGANXL TRUST=--trust-generator PSI=0.7 MODEL=resnet50 \
#     CLASSES='232 254 151 197 178' PER_CLASS=5000 SEGMENTER=parts.py:find PART=ear SAMPLES=100 COMPUTE='--device cuda'
#
# The pictures are those of the paper "Linking in Style". Those of the population need parts beside the background: POPULATION= leaves them out.

GENERATOR ?= gradtools.bundled.creatures:Creatures
MODEL ?= gradtools.bundled.creatures:trained
WEIGHTS ?= default
TRUST ?=
CLASSES ?=
PSI ?= 1
LATENT ?= w
PER_CLASS ?= 300
SAMPLES ?= 12
TUNE ?=
SEGMENTER ?= auto
PART ?= ear
METRIC ?= area
TOP ?= 12
KEEP ?= 5
POPULATION ?= gallery tsne heat sparsity
TARGET ?= all
MOVED ?= 20
MARGIN ?= 5
MOVES ?=
COMPUTE ?=
OUT ?= linking
GRADTOOLS ?= gradtools

export GENERATOR MODEL WEIGHTS PSI LATENT SEGMENTER PART METRIC TARGET

.PHONY: all
all: $(addprefix $(OUT)/,cycled.png units.png masks.png fields.png $(addsuffix .png,$(addprefix population-,$(POPULATION))) \
                         moves.png pairs.png curves.png summary.txt tables.txt)

NAMED = --generator "$$GENERATOR" $(TRUST) --model "$$MODEL" --weights "$$WEIGHTS" $(COMPUTE)
CODE = $(wildcard $(firstword $(subst :, ,$(GENERATOR))) $(firstword $(subst :, ,$(MODEL))) $(firstword $(subst :, ,$(SEGMENTER))) $(WEIGHTS))
STORES = $(addprefix $(OUT)/,link.h5 tuning.h5 moves.h5)

# The link, and pictures beside those that come back, with the distributions of their distances and controls.
$(OUT)/link.h5: $(OUT)/linked.txt $(CODE)
	$(GRADTOOLS) link $(NAMED) --psi "$$PSI" --latent "$$LATENT" $(addprefix --class ,$(CLASSES)) --per-class $(PER_CLASS) -o $@ --figure $(OUT)/cycled.png --force

$(OUT)/cycled.png: $(OUT)/link.h5
	@[ -e $@ ] && touch $@ || { echo "$@ is gone: remove $<, with which it is drawn" >&2; exit 1; }

# Every unit over its range, and the units that change one part most: steps, masks with their metric, and how pixels move.
$(OUT)/tuning.h5: $(OUT)/link.h5 $(OUT)/tuned.txt
	$(GRADTOOLS) tune $< $(NAMED) --samples $(SAMPLES) --keep $(KEEP) --segmenter "$$SEGMENTER" $(TUNE) -o $@ --force

$(OUT)/units.png $(OUT)/masks.png $(OUT)/fields.png: $(OUT)/%.png: $(OUT)/tuning.h5 $(OUT)/part.txt
	$(GRADTOOLS) tune $< --of "$$PART" --metric "$$METRIC" --top $(TOP) --figure $@ --picture $(patsubst units,strips,$*) --force --tsv > $(OUT)/$*.tsv

# What all units do together, beside random directions.
$(OUT)/population-%.png: $(OUT)/tuning.h5 $(OUT)/metric.txt
	$(GRADTOOLS) tune $< --population --metric "$$METRIC" --figure $@ --picture $* --force --tsv > $(OUT)/population-$*.tsv

# Moves to other classes, with the parts of their pictures.
$(OUT)/moves.h5: $(OUT)/link.h5 $(OUT)/moved.txt
	$(GRADTOOLS) counterfactual $< $(NAMED) --target "$$TARGET" --samples $(MOVED) --margin $(MARGIN) --segmenter "$$SEGMENTER" $(MOVES) -o $@ --force

$(OUT)/moves.png $(OUT)/pairs.png $(OUT)/curves.png: $(OUT)/%.png: $(OUT)/moves.h5 $(OUT)/metric.txt
	$(GRADTOOLS) counterfactual $< --metric "$$METRIC" --figure $@ --picture $(patsubst moves,strips,$(patsubst pairs,heat,$*)) --force --tsv > $(OUT)/$*.tsv

$(OUT)/summary.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) > $@
	@cat $@

$(OUT)/tables.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) --layout all > $@

# What a target depends on beside files: each text is written anew only where it says something else, also under make -n.
$(OUT)/linked.txt: SAYS = "$$GENERATOR" "$$MODEL" "$$WEIGHTS" "$$PSI" "$$LATENT" '$(CLASSES)' $(PER_CLASS)
$(OUT)/tuned.txt: SAYS = $(SAMPLES) $(KEEP) "$$SEGMENTER" '$(TUNE)'
$(OUT)/part.txt: SAYS = "$$PART" "$$METRIC" $(TOP)
$(OUT)/metric.txt: SAYS = "$$METRIC"
$(OUT)/moved.txt: SAYS = "$$TARGET" $(MOVED) $(MARGIN) "$$SEGMENTER" '$(MOVES)'
$(addprefix $(OUT)/,linked.txt tuned.txt part.txt metric.txt moved.txt): FORCE
	+@mkdir -p $(OUT); printf '%s\n' $(SAYS) | cmp -s - $@ || printf '%s\n' $(SAYS) > $@
.PHONY: FORCE
FORCE:

.SECONDARY:
.DELETE_ON_ERROR:
