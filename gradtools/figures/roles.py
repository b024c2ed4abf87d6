"""Results of several models under names that mean the same in each."""

from gradtools.evaluate import tables


def by_role(subject, results, method):
    """{role: Measured} of one metric or method of a model, of its `similarity` or its `clusters`."""
    return {tables.role(subject, feature): measured for (feature, name), measured in results.items() if name == method}
