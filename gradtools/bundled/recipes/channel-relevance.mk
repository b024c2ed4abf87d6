# channel-relevance: which feature maps matter for a class: every layer's gradients, top channels, pictures by sign, and what each is worth, measured
#
#   make -f channel-relevance.mk IMAGES=photos/                           AlexNet, features.11, gondola: everything below, in the folder OUT
#   make -f channel-relevance.mk IMAGES=photos/ MODEL=resnet18 TAP=layer4 CLASS=tench
#   make -f channel-relevance.mk IMAGES=photos/ MODEL=net.py:make WEIGHTS=best.pth TAP=body CLASS=3
#
# The questions are those of pytorch-cnn-visualizations' issue 44: are the gradients near zero the relevant ones, and why do negative ones seem to
# be? Where the network's weights cannot be had it stops with the reason; RANDOM=yes goes on with random ones, which tell nothing of a trained network.

IMAGES ?= photos
MODEL ?= alexnet
WEIGHTS ?= default
TAP ?= features.11
CLASS ?= 576
TOP ?= 12
STEPS ?= 20
RANDOM ?= no
LIMIT ?= 20
OUT ?= channel-relevance
GRADTOOLS ?= gradtools

export IMAGES MODEL WEIGHTS TAP CLASS TOP STEPS

.PHONY: all
all: $(addprefix $(OUT)/,histograms.png top.png pictures.txt measured.txt)

FEATURES = "$$MODEL" --weights "$$(cat $(OUT)/weights.txt)"

$(OUT)/features.h5: $(OUT)/asked.txt $(OUT)/weights.txt $(OUT)/images.txt $(wildcard $(WEIGHTS))
	$(GRADTOOLS) extract "$$IMAGES" --model $(FEATURES) --tap auto:convs --tap "$$TAP" --target "$$CLASS" -o $@ --force

# Every layer's gradients, one histogram each; the tables are in channels.h5.
$(OUT)/histograms.png: $(OUT)/features.h5
	$(GRADTOOLS) channels $< --figure $@ -o $(OUT)/channels.h5 --force

# The top channels, in top.txt, and the images that activate them most.
$(OUT)/top.png: $(OUT)/features.h5
	$(GRADTOOLS) channels $< --of "$$CLASS" --tap "$$TAP" --top "$$TOP" --model $(FEATURES) --figure $@ --force > $(OUT)/top.txt

# All, positive, negative and near-zero channels: the issue's pictures beside the right ones, and how alike they are.
$(OUT)/maps.h5: $(OUT)/features.h5
	$(GRADTOOLS) saliency $< --model $(FEATURES) --tap "$$TAP" --target "$$CLASS" --channels all --channels positive --channels negative --channels nearzero \
	  --compat ones --overlay $(OUT)/pictures --overlay-limit $(LIMIT) -o $@ --force

$(OUT)/pictures.txt: $(OUT)/maps.h5
	$(GRADTOOLS) channels $< --format text > $@

# What the score loses without each channel: which ranking agrees with it, what is left of subsets, deletion and insertion, training steps.
$(OUT)/measured.h5: $(OUT)/features.h5 $(OUT)/steps.txt
	$(GRADTOOLS) channels $< --model $(FEATURES) --tap "$$TAP" --target "$$CLASS" --ablate zero --steps "$$STEPS" -o $@ --force

$(OUT)/measured.txt: $(OUT)/measured.h5
	$(GRADTOOLS) evaluate $< --layout channels --figure $(OUT)/curves.png --force --picture deletion > $@

$(OUT)/weights.txt: $(OUT)/network.txt
	@if [ "$$WEIGHTS" != default ] || $(GRADTOOLS) layers "$$MODEL" > /dev/null 2> $@.err; then rm -f $@.err; echo "$$WEIGHTS" > $@; else \
	  cat $@.err >&2; rm -f $@.err; [ "$(RANDOM)" = yes ] || { echo "RANDOM=yes goes on with random weights, which tell nothing of a trained network" >&2; exit 1; }; \
	  echo "$$MODEL: random weights, which tell nothing of a trained network" >&2; echo random > $@; fi

# The images' names, written anew where one was added, removed or touched, also under make -n; those of a manifest are below its folder.
FILES = find "$$([ -f "$$IMAGES" ] && dirname "$$IMAGES" || echo "$$IMAGES")" -type f ! -path '*$(OUT)/*'
$(OUT)/images.txt: FORCE
	+@mkdir -p $(OUT); $(FILES) 2>/dev/null | LC_ALL=C sort | cmp -s - $@ && \
	  [ -z "$$($(FILES) -newer $@ 2>/dev/null | head -n 1)" ] || $(FILES) 2>/dev/null | LC_ALL=C sort > $@

# What a target depends on beside files: each text is written anew only where it says something else, also under make -n.
$(OUT)/asked.txt: SAYS = "$$IMAGES" "$$TAP" "$$CLASS" "$$TOP"
$(OUT)/network.txt: SAYS = "$$MODEL" "$$WEIGHTS" "$(RANDOM)"
$(OUT)/steps.txt: SAYS = "$$STEPS"
$(addprefix $(OUT)/,asked.txt network.txt steps.txt): FORCE
	+@mkdir -p $(OUT); printf '%s\n' $(SAYS) | cmp -s - $@ || printf '%s\n' $(SAYS) > $@
.PHONY: FORCE
FORCE:

.DELETE_ON_ERROR:
