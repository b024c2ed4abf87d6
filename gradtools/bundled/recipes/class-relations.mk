# class-relations: how a network's last layer relates its classes: similarities, neighbours, dendrogram, and a second network beside it
#
#   make -f class-relations.mk                                       everything below, in the folder OUT
#   make -f class-relations.mk MODEL=resnet18 OF='king crab' K=10
#   make -f class-relations.mk MODEL=net.py:make WEIGHTS=best.pth OTHER=net.py:make OTHER_WEIGHTS=first.pth
#   make -f class-relations.mk IMAGES=photos/                        also which class is taken for which, and whether images' gradients say more than class rows
#
# The pictures are those of the post "Quantifying class relationships by training DNN classifiers". Its dendrogram is drawn twice:
# on the rows of weights, and as the post's own lines compute it (--linkage-on as-published).

IMAGES ?=
MODEL ?= resnet50
WEIGHTS ?= default
OTHER ?= resnet18
OTHER_WEIGHTS ?= default
OF ?= Dungeness crab
K ?= 25
ROWS ?= standardised
OUT ?= class-relations
GRADTOOLS ?= gradtools

export IMAGES MODEL WEIGHTS OTHER OTHER_WEIGHTS OF K ROWS

.PHONY: all
all: $(addprefix $(OUT)/,similarity.png neighbors.png neighbors.tsv dendrogram.svg dendrogram.nwk dendrogram-as-published.svg \
                         compare.tsv tanglegram.svg moved.png $(if $(IMAGES),confusion.txt images-similarity.txt))

$(OUT)/classes.h5: $(OUT)/model.txt $(wildcard $(WEIGHTS))
	$(GRADTOOLS) classes "$$MODEL" --weights "$$WEIGHTS" -o $@ --force

$(OUT)/other.h5: $(OUT)/other.txt $(wildcard $(OTHER_WEIGHTS))
	$(GRADTOOLS) classes "$$OTHER" --weights "$$OTHER_WEIGHTS" -o $@ --force

# Cosine and euclidean, side by side, in the order of the leaves.
$(OUT)/similarity.png: $(OUT)/classes.h5 $(OUT)/rows.txt
	$(GRADTOOLS) similarity $< --rows "$$ROWS" --metric cosine --metric euclidean --order leaf --figure $@ --force --tsv > $(OUT)/similarity.tsv

$(OUT)/neighbors.tsv: $(OUT)/classes.h5 $(OUT)/focal.txt
	$(GRADTOOLS) neighbors $< --rows "$$ROWS" --of "$$OF" -k "$$K" --tsv > $@

$(OUT)/neighbors.png: $(OUT)/classes.h5 $(OUT)/focal.txt
	$(GRADTOOLS) neighbors $< --rows "$$ROWS" --of "$$OF" -k "$$K" --figure $@ --force --tsv > /dev/null

$(OUT)/dendrogram.svg: $(OUT)/classes.h5 $(OUT)/rows.txt
	$(GRADTOOLS) dendrogram $< --rows "$$ROWS" --figure $@ --force --tsv > $(OUT)/dendrogram.tsv

$(OUT)/dendrogram.nwk: $(OUT)/classes.h5 $(OUT)/rows.txt
	$(GRADTOOLS) dendrogram $< --rows "$$ROWS" --resamples 0 --newick - > $@

$(OUT)/dendrogram-as-published.svg: $(OUT)/classes.h5
	$(GRADTOOLS) dendrogram $< --linkage-on as-published --figure $@ --force --tsv > $(OUT)/dendrogram-as-published.tsv

$(OUT)/compare.tsv: $(OUT)/classes.h5 $(OUT)/other.h5 $(OUT)/rows.txt
	$(GRADTOOLS) compare $(OUT)/classes.h5 $(OUT)/other.h5 --rows "$$ROWS" --tsv > $@

$(OUT)/tanglegram.svg: $(OUT)/classes.h5 $(OUT)/other.h5 $(OUT)/rows.txt
	$(GRADTOOLS) compare $(OUT)/classes.h5 $(OUT)/other.h5 --rows "$$ROWS" --no-intervals --picture tanglegram --figure $@ --force --tsv > /dev/null

$(OUT)/moved.png: $(OUT)/classes.h5 $(OUT)/other.h5 $(OUT)/rows.txt
	$(GRADTOOLS) compare $(OUT)/classes.h5 $(OUT)/other.h5 --rows "$$ROWS" --no-intervals --picture moved --figure $@ --force --tsv > /dev/null

$(OUT)/images.h5: $(OUT)/images.txt $(OUT)/model.txt $(wildcard $(WEIGHTS))
	$(GRADTOOLS) extract "$$IMAGES" --model "$$MODEL" --weights "$$WEIGHTS" -o $@ --force

# Classes that are alike are taken for each other; confusion.png shows it.
$(OUT)/confusion.txt: $(OUT)/images.h5
	$(GRADTOOLS) evaluate $< --layout confusion --figure $(OUT)/confusion.png --force > $@

$(OUT)/images-similarity.h5: $(OUT)/images.h5
	$(GRADTOOLS) similarity $< -o $@ --force

$(OUT)/images-similarity.txt: $(OUT)/images-similarity.h5
	$(GRADTOOLS) evaluate $< > $@

# The images' names, written anew where one was added, removed or touched, also under make -n; those of a manifest are below its folder.
FILES = find "$$([ -f "$$IMAGES" ] && dirname "$$IMAGES" || echo "$$IMAGES")" -type f ! -path '*$(OUT)/*'
$(OUT)/images.txt: FORCE
	+@mkdir -p $(OUT); $(FILES) 2>/dev/null | LC_ALL=C sort | cmp -s - $@ && \
	  [ -z "$$($(FILES) -newer $@ 2>/dev/null | head -n 1)" ] || $(FILES) 2>/dev/null | LC_ALL=C sort > $@

# What a target depends on beside files: each text is written anew only where it says something else, also under make -n.
$(OUT)/model.txt: SAYS = "$$MODEL" "$$WEIGHTS"
$(OUT)/other.txt: SAYS = "$$OTHER" "$$OTHER_WEIGHTS"
$(OUT)/focal.txt: SAYS = "$$OF" "$$K" "$$ROWS"
$(OUT)/rows.txt: SAYS = "$$ROWS"
$(addprefix $(OUT)/,model.txt other.txt focal.txt rows.txt): FORCE
	+@mkdir -p $(OUT); printf '%s\n' $(SAYS) | cmp -s - $@ || printf '%s\n' $(SAYS) > $@
.PHONY: FORCE
FORCE:

.DELETE_ON_ERROR:
