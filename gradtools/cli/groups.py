"""Options in groups, as --help and the man pages show them: data, model, what to compute, output."""

from collections.abc import Sequence

import click

DATA = frozenset(
    """images images_dir files_from null annotations generator samples per_class psi where label_map labels_in_order unmapped
    value_range augment augment_kind reference boxes max_skipped strict rename about unit""".split()
)
MODEL = frozenset(
    """model weights weights_entry trust_weights head output_entry reduce preprocess class_names device dtype amp fold
    batch_size threads workers""".split()
)
OUTPUT = frozenset(
    """output force carry restart compress map_dtype figure width picture newick overlay overlay_limit compat alpha colormap
    size_of order orientation title pictures form json tsv format lists per_image quiet verbose help
    dry_run list_recipes""".split()
)
HEADINGS = ("Data", "Model", "What to compute", "Output")


def of(parameter: click.Parameter) -> str:
    """Return the heading that an option stands under."""
    for heading, names in zip(("Data", "Model", "Output"), (DATA, MODEL, OUTPUT)):
        if parameter.name in names or parameter.opts[0].lstrip("-").replace("-", "_") in names:
            return heading
    return "What to compute"


def grouped(
    parameters: Sequence[click.Parameter], context: click.Context
) -> dict[str, list[tuple[str, str]]]:
    """Return the lines of help of a command's options, by heading, in the order of HEADINGS; empty groups are left out."""
    groups: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            groups[of(parameter)].append(record)
    return {heading: records for heading, records in groups.items() if records}


class Grouped(click.Command):
    """A command whose help has its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section a group."""
        for heading, records in grouped(self.get_params(ctx), ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)
