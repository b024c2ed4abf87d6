# gradient-similarity: do gradients say more of a class than features do? the post's tables over five ResNets, with the controls
#
#   make -f gradient-similarity.mk -j2 IMAGES=photos/                        ResNet-18 to 152, everything below, in the folder OUT
#   make -f gradient-similarity.mk IMAGES=photos/ NETWORKS='resnet18 resnet50'
#   make -f gradient-similarity.mk IMAGES=cifar/ NETWORKS='resnet20 resnet56' MODEL=net.py:% WEIGHTS=%.pth
#
# photos/ has one folder a class. In MODEL and WEIGHTS % stands for the network's name. The tables are those of the gradient-similarity
# post with its published values beside; claims.txt says which of its sentences hold; report.html is all of it as one page.

IMAGES ?= photos
NETWORKS ?= resnet18 resnet34 resnet50 resnet101 resnet152
MODEL ?= %
WEIGHTS ?= default
SIMILARITY ?=
CLUSTER ?=
EXTRACT ?=
LIMIT ?= 20
OUT ?= gradient-similarity
GRADTOOLS ?= gradtools

export IMAGES

FEATURES = $(NETWORKS:%=$(OUT)/%.h5)
STORES = $(FEATURES) $(foreach part,similarity clusters maps-similarity,$(NETWORKS:%=$(OUT)/%-$(part).h5))
NAMED = --model '$(subst %,$*,$(MODEL))' --weights '$(subst %,$*,$(WEIGHTS))'

.PHONY: all
all: $(addprefix $(OUT)/,summary.txt table.txt tables.txt claims.txt prediction.png bars.png pca.png taps.png choices.png overlays.txt report.html)
	@cat $(OUT)/summary.txt

$(FEATURES): $(OUT)/%.h5: $(OUT)/images.txt $(OUT)/models.txt
	$(GRADTOOLS) extract "$$IMAGES" $(NAMED) $(EXTRACT) -o $@ --force

# The sweep over taps, and the post's four features beside the class row.
$(NETWORKS:%=$(OUT)/%-similarity.h5): $(OUT)/%-similarity.h5: $(OUT)/%.h5 $(OUT)/options.txt
	$(GRADTOOLS) similarity $< --feature 'gradient@*' --feature 'activation@*' --feature logits --feature probabilities $(SIMILARITY) -o $@ --force

$(NETWORKS:%=$(OUT)/%-clusters.h5): $(OUT)/%-clusters.h5: $(OUT)/%.h5 $(OUT)/options.txt
	$(GRADTOOLS) cluster $< $(CLUSTER) -o $@ --force

# Grad-CAM at the last convolution, for the columns CC, KLD, SIM and AUC.
$(NETWORKS:%=$(OUT)/%-maps.h5): $(OUT)/%-maps.h5: $(OUT)/%.h5
	$(GRADTOOLS) saliency $< $(NAMED) --tap auto:last-conv -o $@ --force

$(NETWORKS:%=$(OUT)/%-maps-similarity.h5): $(OUT)/%-maps-similarity.h5: $(OUT)/%-maps.h5 $(OUT)/options.txt
	$(GRADTOOLS) similarity $< $(SIMILARITY) -o $@ --force

$(OUT)/overlays.txt: $(OUT)/$(firstword $(NETWORKS))-maps.h5
	$(GRADTOOLS) saliency $< --overlay $(OUT)/overlays --overlay-limit $(LIMIT) && ls $(OUT)/overlays > $@

$(OUT)/summary.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) > $@

$(OUT)/table.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) --layout gradient-similarity --published > $@

$(OUT)/tables.txt: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) --layout all > $@

$(OUT)/report.html: $(STORES)
	$(GRADTOOLS) report $^ -o $@ --force

# 1: a sentence is contradicted, 4: some are undecided; both are answers.
$(OUT)/claims.txt: $(STORES)
	$(GRADTOOLS) claim gradient-similarity $(STORES) > $@ || { status=$$?; [ $$status = 1 ] || [ $$status = 4 ]; }

$(addprefix $(OUT)/,prediction.png bars.png pca.png taps.png choices.png): $(OUT)/%.png: $(STORES)
	$(GRADTOOLS) evaluate $(STORES) --picture $* --figure $@ --force > /dev/null

# The images' names, written anew where one was added, removed or touched, also under make -n; those of a manifest are below its folder.
FILES = find "$$([ -f "$$IMAGES" ] && dirname "$$IMAGES" || echo "$$IMAGES")" -type f ! -path '*$(OUT)/*'
$(OUT)/images.txt: FORCE
	+@mkdir -p $(OUT); $(FILES) 2>/dev/null | LC_ALL=C sort | cmp -s - $@ && \
	  [ -z "$$($(FILES) -newer $@ 2>/dev/null | head -n 1)" ] || $(FILES) 2>/dev/null | LC_ALL=C sort > $@

# What a target depends on beside files: each text is written anew only where it says something else, also under make -n.
$(OUT)/models.txt: SAYS = '$(MODEL)' '$(WEIGHTS)' '$(EXTRACT)'
$(OUT)/options.txt: SAYS = '$(SIMILARITY)' '$(CLUSTER)'
$(addprefix $(OUT)/,models.txt options.txt): FORCE
	+@mkdir -p $(OUT); printf '%s\n' $(SAYS) | cmp -s - $@ || printf '%s\n' $(SAYS) > $@
.PHONY: FORCE
FORCE:

.DELETE_ON_ERROR:
