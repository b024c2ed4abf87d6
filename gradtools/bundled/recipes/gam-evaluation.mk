# gam-evaluation: does GAM localise better than Grad-CAM, and keep more of the score? the GAM paper's tables, with the controls
#
#   make -f gam-evaluation.mk -j2 IMAGES=photos/ ANNOTATIONS=boxes/           ResNet-101, one and two layers, in the folder OUT
#   make -f gam-evaluation.mk IMAGES=val/ ANNOTATIONS=instances.json LABEL_MAP=map.csv MODEL=densenet201
#   make -f gam-evaluation.mk IMAGES=digits/manifest.csv MODEL=net.py:make WEIGHTS=best.pth     (boxes are in the manifest)
#
# IoU at a threshold of held-out images, ADP and PIC, small objects, sanity, each beside masks that do not depend on the image;
# claims.txt says which of the paper's sentences hold; report.html is all of it as one page.

IMAGES ?= photos
ANNOTATIONS ?=
LABEL_MAP ?=
MODEL ?= resnet101
WEIGHTS ?= default
METHODS ?= gradcam gradcam++ gam activation
LAYERS ?= 2
LOCALIZE ?=
FAITHFULNESS ?=
SANITY ?= --seeds 2
LIMIT ?= 20
OUT ?= gam-evaluation
GRADTOOLS ?= gradtools

export IMAGES ANNOTATIONS LABEL_MAP MODEL WEIGHTS

NAMED = --model "$$MODEL" --weights "$$WEIGHTS"
READ = $(if $(ANNOTATIONS),--annotations "$$ANNOTATIONS") $(if $(LABEL_MAP),--label-map "$$LABEL_MAP")
STORES = $(OUT)/localization.h5 $(OUT)/faithfulness.h5 $(OUT)/sanity.h5

.PHONY: all
all: $(addprefix $(OUT)/,summary.txt tables.txt claims.txt overlays.txt report.html)
	@cat $(OUT)/summary.txt

$(OUT)/maps.h5: $(OUT)/images.txt $(OUT)/asked.txt $(wildcard $(WEIGHTS))
	$(GRADTOOLS) saliency "$$IMAGES" $(NAMED) $(READ) $(METHODS:%=--method %) --layers $(LAYERS) -o $@ --force

$(OUT)/localization.h5: $(OUT)/maps.h5 $(OUT)/options.txt
	$(GRADTOOLS) localize $< $(LOCALIZE) -o $@ --force

$(OUT)/faithfulness.h5: $(OUT)/maps.h5 $(OUT)/options.txt
	$(GRADTOOLS) faithfulness $< $(NAMED) $(FAITHFULNESS) -o $@ --force

$(OUT)/sanity.h5: $(OUT)/images.txt $(OUT)/asked.txt $(OUT)/options.txt $(wildcard $(WEIGHTS))
	$(GRADTOOLS) sanity "$$IMAGES" $(NAMED) $(SANITY) -o $@ --force

$(OUT)/overlays.txt: $(OUT)/maps.h5
	$(GRADTOOLS) saliency $< --overlay $(OUT)/overlays --overlay-limit $(LIMIT) && ls $(OUT)/overlays > $@

$(OUT)/summary.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) > $@

$(OUT)/tables.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) --layout all > $@

$(OUT)/report.html: $(OUT)/maps.h5 $(STORES)
	$(GRADTOOLS) report $^ -o $@ --force

# 1: a sentence is contradicted, 4: some are undecided; both are answers.
$(OUT)/claims.txt: $(STORES)
	$(GRADTOOLS) claim gam $(STORES) > $@ || { status=$$?; [ $$status = 1 ] || [ $$status = 4 ]; }

# The images' names, written anew where one was added, removed or touched, also under make -n; those of a manifest are below its folder.
FILES = find "$$([ -f "$$IMAGES" ] && dirname "$$IMAGES" || echo "$$IMAGES")" -type f ! -path '*$(OUT)/*'
$(OUT)/images.txt: FORCE
	+@mkdir -p $(OUT); $(FILES) 2>/dev/null | LC_ALL=C sort | cmp -s - $@ && \
	  [ -z "$$($(FILES) -newer $@ 2>/dev/null | head -n 1)" ] || $(FILES) 2>/dev/null | LC_ALL=C sort > $@

# What a target depends on beside files: each text is written anew only where it says something else, also under make -n.
$(OUT)/asked.txt: SAYS = "$$ANNOTATIONS" "$$LABEL_MAP" "$$MODEL" "$$WEIGHTS" '$(METHODS)' '$(LAYERS)'
$(OUT)/options.txt: SAYS = '$(LOCALIZE)' '$(FAITHFULNESS)' '$(SANITY)'
$(addprefix $(OUT)/,asked.txt options.txt): FORCE
	+@mkdir -p $(OUT); printf '%s\n' $(SAYS) | cmp -s - $@ || printf '%s\n' $(SAYS) > $@
.PHONY: FORCE
FORCE:

.DELETE_ON_ERROR:
