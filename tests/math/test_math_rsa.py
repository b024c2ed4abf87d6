

def test_steps_give_equal_similarities_equal_ranks():
    """Rows of two directions and random lengths: two cosines only, whatever the rounding; the truth is 1."""
    random = np.random.default_rng(8)
    directions = random.normal(size=(2, 40))[np.arange(60) % 2]
    spaces = [directions * random.uniform(0.1, 9, (60, 1)) for _ in range(2)]
    cosines = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in spaces]
    matrices = [rsa.stepped(x @ x.T, "cosine") for x in cosines]
    upper = np.triu_indices(60, 1)
    assert [len(np.unique(matrix[upper])) for matrix in matrices] == [2, 2]
    value = rsa.bootstrap_spearman(*matrices, np.ones((1, 60)))[0]
    assert value == pytest.approx(1, abs=1e-12)


def test_steps_of_unbounded_values_keep_their_order():
    values = np.random.default_rng(9).normal(size=(30, 30)) * 1e5
    stepped = rsa.stepped(values, "dot")
    assert np.array_equal(np.argsort(stepped, axis=None), np.argsort(values, axis=None))
