"""Tables of channels for people and for programs."""

from gradtools.tables.rows import write_table
from gradtools.tables.wording import RANKINGS_OF_CHANNELS

SHARES = {"positive": "above 0", "negative": "below 0", "zero": "at 0"}
HEADS = {"gini": "Gini", "effective": "effective", "q05": "5 %", "median": "median", "q95": "95 %"}
ON_DISTRIBUTION = (
    "above, below, at 0: shares of the channels; Gini and effective number, (sum |c|)^2 / sum c^2, of their sizes.",
    "[low, high]: 95 % of resampled images.",
    "gradient: alpha, the mean over positions; contribution: the sum over positions of gradient times activation.",
)
ON_AGREEMENT = (
    "The contribution is what the score loses to first order when the channel is set to 0; where the head is pooling and a linear layer, exactly.",
    "near zero first is |gradient| turned round. Channels of equal value share the mean of their ranks; tied: share of the channels of which "
    "another has the same gradient.",
)
ON_PICTURES = (
    "pytorch-cnn-visualizations begins its sum over channels with ones and draws ReLU(1 + map). Where 1 + map is nowhere below 0 the ReLU never "
    "acts,",
    "and every picture is a signed map: that of the negative channels is bright where nothing speaks against the class (Spearman -1), whatever",
    "speaks for it. Grad-CAM of these channels, ReLU(map), is zero everywhere where activations are not negative.",
)
PICTURES = {
    "negative_with_all": "negative ~ all",
    "positive_with_all": "positive ~ all",
    "negative_with_against": "negative ~ evidence against",
    "below_zero": "pixels with 1 + map < 0",
    "gradcam_zero": "Grad-CAM of negative is zero",
}
ON_TOP = (
    "(n): rank by that column among all channels of the tap, =n where other channels have the same value.",
)


def show(found, tops, form, stream):
    """Write what was found, for people table by table.

    Parameters
    ----------
    found : channels.Found
    tops : sequence of top.Top
        The first channels of each tap, where they were asked for.
    form : key of console.FORMS
    """
    if form in ("json", "csv", "tsv"):
        rows = (
            [row for one in tops for row in _top_values(one)]
            if tops
            else [*_values(found), *_picture_values(found)]
        )
        write_table(rows, list(rows[0]), form, "channels", (), stream)
        return
    for one in tops:
        rows = list(_top_rows(one))
        write_table(
            rows,
            list(rows[0]),
            form,
            _top_title(one),
            (*_top_notes(one), *ON_TOP, *found.warnings),
            stream,
        )
    if found.taps:
        _show_taps(found, form, stream)
    if found.pictures:
        rows = list(_picture_rows(found))
        write_table(
            rows,
            list(rows[0]),
            form,
            "pictures of ReLU(1 + map) of all, positive and negative channels: Spearman over pixels, mean over "
            "images",
            (*ON_PICTURES, *found.warnings),
            stream,
        )


def _show_taps(found, form, stream):
    """Distributions and rankings."""
    rows = list(_distribution_rows(found))
    write_table(
        rows,
        list(rows[0]),
        form,
        f"{found.groups.whose}: distribution over an image's channels, mean over images",
        (*ON_DISTRIBUTION, *_classes_note(found), *found.warnings),
        stream,
    )
    rows = list(_agreement_rows(found))
    write_table(
        rows,
        list(rows[0]),
        form,
        f"{found.groups.whose}: Spearman of each ranking with the contribution, mean over images",
        (*ON_AGREEMENT, *found.warnings),
        stream,
    )


def _classes_note(found):
    if len(found.groups.names) > 1:
        yield f"{len(found.groups.names)} classes are in the store and in --tsv; --of CLASS shows one."


def _distribution_rows(found):
    """One row a tap and kind of value, of the first group."""
    from gradtools.math.channels.channel_values import STATISTICS

    for one in found.taps:
        for kind, means in one.distribution.items():
            cells = {
                name: (means.value[0, place], *means.bounds[0, place])
                for place, name in enumerate(STATISTICS)
            }
            yield (
                {"tap": one.tap, "of": kind, "channels": one.values["gradient"].shape[1]}
                | {
                    head: interval(*cells[name], share)
                    for name, head in (SHARES | {"gini": HEADS["gini"]}).items()
                }
                | {HEADS["effective"]: interval(*cells["effective"])}
                | {HEADS[name]: significant(cells[name][0]) for name in ("q05", "median", "q95")}
            )


def _agreement_rows(found):
    """One row a tap, one column a ranking, of the first group."""
    for one in found.taps:
        yield (
            {"tap": one.tap}
            | {
                words: interval(
                    one.agreement.value[0, place], *one.agreement.bounds[0, place], share
                )
                for place, (name, words) in enumerate(RANKINGS_OF_CHANNELS.items())
                if name != "contribution"
            }
            | {"tied": share(one.tied[0, list(RANKINGS_OF_CHANNELS).index("gradient")])}
        )


def _picture_rows(found):
    """One row a tap."""
    for one in found.pictures:
        yield {"tap": one.tap, "images": one.images} | {
            head: interval(one.means.value[0, place], *one.means.bounds[0, place], share)
            for place, head in enumerate(PICTURES.values())
        }


def _top_title(one):
    """Whose channels, at which tap, by what."""
    words = RANKINGS_OF_CHANNELS[one.ranking]
    images = f"{one.images} image{'s' if one.images > 1 else ''}"
    return f"{one.name}, {images}: the first {len(one.channels)} of {one.n_channels} channels of {one.tap} by {words}"


def _top_notes(one):
    """What these channels hold of all."""
    held = float(one.values["contribution"].sum())
    yield f"Together they contribute {significant(held)}, all {one.n_channels} channels {significant(one.total)}."


def _top_rows(one):
    """One row a channel, for people."""
    for place, channel in enumerate(one.channels):
        row = {"channel": int(channel)}
        for name, words in RANKINGS_OF_CHANNELS.items():
            value = float(one.values[name][place])
            rank = f"({'=' if one.tied[name][place] else ''}{one.ranks[name][place]:g})"
            if name == one.ranking:
                row[words] = interval(value, *map(float, one.bounds[place]))
            else:
                row[words] = (
                    rank if name in ("nearzero", "random") else f"{significant(value)} {rank}"
                )
        yield row


def _top_values(one):
    """One row a channel, for programs."""
    for place, channel in enumerate(one.channels):
        row = {"tap": one.tap, "class": one.name, "images": one.images, "channel": int(channel)}
        for name in RANKINGS_OF_CHANNELS:
            row |= {
                name: float(one.values[name][place]),
                f"{name}_rank": float(one.ranks[name][place]),
                f"{name}_tied": int(one.tied[name][place]),
            }
        yield row | {"low": float(one.bounds[place, 0]), "high": float(one.bounds[place, 1])}


def _values(found):
    """One row a tap, class, feature or ranking, and statistic, for programs."""
    from gradtools.math.channels.channel_values import STATISTICS

    for one in found.taps:
        for number, name in enumerate(found.groups.every_name):
            about = {"tap": one.tap, "class": name, "images": int(one.images[number])}
            for kind, means in one.distribution.items():
                for place, statistic in enumerate(STATISTICS):
                    yield about | {"of": kind, "statistic": statistic} | _cell(means, number, place)
            for place, ranking in enumerate(RANKINGS_OF_CHANNELS):
                yield (
                    about
                    | {"of": ranking, "statistic": "spearman_with_contribution"}
                    | _cell(one.agreement, number, place)
                )
                yield about | {
                    "of": ranking,
                    "statistic": "tied",
                    "value": float(one.tied[number, place]),
                    "low": None,
                    "high": None,
                }


def _picture_values(found):
    """The same for the pictures."""
    for one in found.pictures:
        for place, name in enumerate(PICTURES):
            about = {"tap": one.tap, "class": found.groups.first, "images": one.images}
            yield about | {"of": "pictures", "statistic": name} | _cell(one.means, 0, place)


def _cell(means, number, place):
    low, high = map(float, means.bounds[number, place])
    return {"value": float(means.value[number, place]), "low": low, "high": high}


def significant(value):
    """A number of any size in three digits; '-' where there is none."""
    return "-" if value != value else f"{value:.3g}"


def interval(value, low, high, form=significant):
    """A value with its interval."""
    return form(value) + (f" [{form(low)}, {form(high)}]" if low == low else "")


def share(value):
    """A share in three decimals."""
    return "-" if value != value else f"{value:.3f}"
