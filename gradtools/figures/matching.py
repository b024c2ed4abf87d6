"""Clusters named by the classes they hold most of, so that agreement can be seen as equal colours."""

import numpy as np
from scipy.optimize import linear_sum_assignment

UNMATCHED = -2  # -1 is a sample without a label


def matched(clusters: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the class each sample's cluster stands for, under the one-to-one matching that most samples agree with.

    Parameters
    ----------
    clusters, classes : (n,) int arrays

    Returns
    -------
    (n,) int array
        A value of `classes`, or UNMATCHED for the clusters beyond the number of classes.

    References
    ----------
    Kuhn 1955, as scipy.optimize.linear_sum_assignment, on the contingency table.
    """
    clusters_present, cluster = np.unique(clusters, return_inverse=True)
    values, value = np.unique(classes, return_inverse=True)
    contingency = np.zeros((len(clusters_present), len(values)), np.int64)
    np.add.at(contingency, (cluster, value), 1)
    rows, columns = linear_sum_assignment(contingency, maximize=True)
    named = np.full(len(clusters_present), UNMATCHED)
    named[rows] = values[columns]
    return named[cluster]
