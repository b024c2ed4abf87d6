"""gradtools saliency"""

import contextlib

import click

from gradtools.cli import options, passes
from gradtools.errors import UsageError


@options.command("saliency", [
    "gradtools saliency photos/ --model resnet50 --method gradcam --method gam --layers 2 -o maps.h5",
    "gradtools saliency photos.h5 --model resnet50 --where correct --target cosine --pairs same-class:5 --method gam -o pairs.h5"])
@click.argument("images", nargs=-1, metavar="IMAGES...|STORE")
@options.model
@options.output
@passes.listing
@options.carry
@click.option("--images", "images_dir", metavar="DIR", help="Where the images of a store have gone.")
@options.where
@click.option("--method", multiple=True, default=("gradcam",), metavar="M",
              help="gradcam, gradcam++, gam, layercam, hirescam, activation; at the input gradient, guided-backprop (repeat).")
@click.option("--tap", multiple=True, metavar="TAP", help="Module name, name#call, name@relu, glob, input or an auto: name (repeat).")
@click.option("--layers", type=click.IntRange(1), help="The last so many of auto:blocks.  [default: 1 without --tap]")
@click.option("--channels", multiple=True, default=("all",), metavar="C",
              help="all, positive, negative, nearzero[:TAU|:P%], topK[:contribution|:gradient|:abs|:activation], or a list 3,17 (repeat).")
@click.option("--target", metavar="T",
              help="argmax, label, a class NAME or ID, top:K, diff:A,B, labels; with --pairs cosine or dot.  [default: argmax, cosine]")
@click.option("--pairs", metavar="P", help="Compare images: same-class:K (drawn), all, or a CSV file of two paths a line.")
@click.option("--embedding", default="pooled", metavar="E", help="What pairs compare: pooled (the head's input), output, or a tap.")
@options.seed
@click.option("--literal-exp", is_flag=True, help="Also Grad-CAM++ with exp(score) as printed, which overflows: gradcam++-literal.")
@passes.scored
@click.option("--map-dtype", type=click.Choice(["float32", "float16"]), default="float32", help="Type of the stored maps.")
@passes.computed
def command(console, images, model, weights, trust_weights, preprocess, class_names, head, output, force, restart, files_from, null, carry,
            images_dir, where, threads, workers, max_skipped, strict, method, layers, channels, target, pairs, compress, **chosen):
    """Where an image speaks for a class, or for its likeness to another image: raw maps, one a method and tap.

    IMAGES as for extract; or a STORE, whose images are found again and checked. All methods and taps come from one
    forward and one backward pass; maps are kept signed and at the tap's own size. A job that was killed goes on when
    the same command is given again.
    """
    destination = passes.output(output)
    from gradtools import store
    store.check_output(destination, force)
    if not images and files_from is None:
        images = (options.input_store(None),)
    from_store = len(images) == 1 and files_from is None and store.is_store(images[0])
    if not from_store and (where or images_dir or carry):
        raise UsageError("--where, --images and --carry are about the images of a store: give one, as in gradtools saliency photos.h5")
    with contextlib.ExitStack() as stack:
        source, listed = None, None
        if from_store:
            source = stack.enter_context(store.read(images[0]))
        else:
            listed = passes.listed(console, images, files_from, null)
        network = passes.load(console, model, weights, trust_weights, preprocess, class_names, head)
        from gradtools import saliency
        asked = saliency.Options(
            method=tuple(dict.fromkeys(method)), channels=tuple(dict.fromkeys(channels)), pairs=pairs, compress=compress == "gzip",
            layers=1 if layers is None and not chosen["tap"] else layers, target=target or ("cosine" if pairs else "argmax"), **chosen)
        saliency.saliency(listed, network, destination, asked, source=source, where=where, images_dir=images_dir,
                          carry=from_store and options.carried(carry, images[0], destination), threads=threads, workers=workers,
                          max_skipped="0" if strict else max_skipped, force=force, restart=restart, say=console.say,
                          progress=console.progress)
