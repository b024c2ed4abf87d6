"""Ways to damage a store: its bytes, and its objects by HDF5's own means, which takes off the seal."""

import h5py
import numpy as np

from gradtools.store import layout, seal


def damage(path, rng):
    """Damage the store at `path` in a way that `rng` (random.Random) chooses; gives the kind and a description."""
    kind = rng.choice(sorted(WAYS))
    return kind, WAYS[kind](path, rng)


def flipped(path, rng):
    """Flip bits of some bytes."""
    content = bytearray(path.read_bytes())
    places = [rng.randrange(len(content)) for _ in range(rng.choice((1, 1, 1, 2, 8)))]
    for place in places:
        content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return places


def flipped_index(path, rng):
    """Flip bits outside of values: headers, indexes, attributes."""
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        ranges = seal.value_ranges(file)
    inside = np.zeros(len(content), bool)
    for offset, length in ranges:
        inside[offset : offset + length] = True
    others = np.flatnonzero(~inside & (np.frombuffer(bytes(content), "u1") != 0)).tolist()
    places = [rng.choice(others) for _ in range(rng.choice((1, 1, 2, 8)))]
    for place in places:
        content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return places


def overwritten(path, rng):
    """Overwrite a stretch, as a bad sector does."""
    content = bytearray(path.read_bytes())
    length = min(rng.choice((16, 512, 4096)), len(content))
    start = rng.randrange(0, len(content), 512)
    content[start : start + length] = rng.choice((b"\0", b"\xff")) * min(
        length, len(content) - start
    )
    path.write_bytes(content)
    return start, length


def truncated(path, rng):
    """Cut off the end, or add to it."""
    size = path.stat().st_size
    length = rng.choice((rng.randrange(size), size - rng.randrange(1, 300), size + 100))
    with open(path, "r+b") as file:
        file.truncate(length)
    return length, size


def objects(file, scales=None):
    """Paths of the datasets (all, or only scales or none) and of the groups of a file."""
    datasets, groups = [], []
    for group in layout.groups(file):
        groups.append(group.name)
        datasets += [
            item.name
            for item in group.values()
            if isinstance(item, h5py.Dataset) and scales in (None, layout.is_scale(item))
        ]
    return datasets, groups


def deleted(path, rng):
    """Delete a dataset or a group."""
    with h5py.File(path, "r+") as file:
        datasets, groups = objects(file, scales=False)
        name = rng.choice(datasets + groups[1:])
        del file[name]
    return name


def deleted_scale(path, rng):
    """Delete a dimension scale."""
    with h5py.File(path, "r+") as file:
        name = rng.choice(objects(file, scales=True)[0])
        del file[name]
    return name


def swapped(path, rng):
    """Put a group in the place of a dataset, or a dataset in that of a group."""
    with h5py.File(path, "r+") as file:
        datasets, groups = objects(file, scales=False)
        name = rng.choice(datasets + groups[1:])
        del file[name]
        if name in datasets:
            file.create_group(name)
        else:
            layout.put(file, name, np.zeros(2), ["/other_length"], "a dataset")
    return name


def attributes(path, rng):
    """Give an attribute of a group another type, or take it away."""
    with h5py.File(path, "r+") as file:
        known = [
            (name, key)
            for name in objects(file)[1]
            for key in layout.plain_attributes(file[name])
            if layout.schema.group(name) and key in layout.schema.group(name).attributes
        ]
        name, key = rng.choice(known)
        kinds = (np.zeros((3, 2)), np.array([], "f4"), b"\xff{", 7, -1.5, h5py.Empty("f4"), "[1")
        place = rng.randrange(len(kinds))
        value = file[name].attrs[key]
        while isinstance(value, (str, bytes)) == isinstance(kinds[place], (str, bytes)):
            place = (place + 1) % len(kinds)  # another type
        file[name].attrs[key] = kinds[place]
    return name, key, repr(kinds[place])


def lengths(path, rng):
    """Make a dataset longer or shorter than its dimension."""
    with h5py.File(path, "r+") as file:
        name = rng.choice(
            [name for name in objects(file, scales=False)[0] if file[name].shape != ()]
        )
        values, dims = file[name][()], layout.scales_of(file[name])
        file[name].dims[0].detach_scale(file[dims[0]])
        del file[name]
        longer = values[:-1] if rng.random() < 0.5 and len(values) else np.append(values, values)
        longer = longer.reshape(-1, *values.shape[1:])
        made = file.create_dataset(name, data=longer)
        for axis, scale in enumerate(dims):
            made.dims[axis].attach_scale(file[scale])
    return name, values.shape, longer.shape


def numbers(path, rng):
    """Put numbers of classes, rows and targets outside their range, and values that are no results."""
    with h5py.File(path, "r+") as file:
        columns = [
            name
            for name in objects(file, scales=False)[0]
            if (entry := layout.schema.dataset(name))
            and file[name].size
            and (file[name].dtype.kind == "f" or entry.below and file[name].dtype.kind in "iu")
        ]
        name = rng.choice(columns)
        values = file[name][()]
        value = rng.choice((-3, 2**31 - 1)) if values.dtype.kind == "i" else np.inf
        values.reshape(-1)[rng.randrange(values.size)] = value
        file[name][...] = values
    return name, value


def history(path, rng):
    """Write a history that is not JSON."""
    with h5py.File(path, "r+") as file:
        texts = ("no JSON", "[1, 2]", "{", '{"started": 1}\n{', "[" * 100_000, "\udcff\udcfe")
        text = rng.choice(texts)
        steps = [text] * len(file["/step"])
        layout.put(file, "/history", steps, ["/step"], "steps")
    return text[:20]


def claims(path, rng):
    """Claim more rows than any file holds."""
    with h5py.File(path, "r+") as file:
        name = rng.choice([name for name in objects(file)[0] if len(file[name].shape)])
        old, is_scale = file[name], layout.is_scale(file[name])
        tail, kind, dims = old.shape[1:], old.dtype, layout.scales_of(old)
        rows = rng.choice((2**62, 2**40, 10**7))
        del file[name]
        chunk = (1, *(max(length, 1) for length in tail))
        made = file.create_dataset(name, (rows, *tail), kind, chunks=chunk)
        if is_scale:
            made.make_scale(name.rsplit("/", 1)[-1])
        else:
            for axis, scale in enumerate(dims):
                made.dims[axis].attach_scale(file[scale])
    return name, rows


def links(path, rng):
    """Add links that lead back, elsewhere, nowhere, or very deep."""
    with h5py.File(path, "r+") as file:
        group = file[rng.choice(objects(file)[1])]
        kind = rng.choice(("cycle", "soft", "self", "external", "deep", "nowhere", "type"))
        if kind == "cycle":
            group["loop"] = file["/"]
        elif kind == "soft":
            group["loop"] = h5py.SoftLink("/samples")
        elif kind == "self":
            group["loop"] = h5py.SoftLink(f"{group.name.rstrip('/')}/loop")
        elif kind == "external":
            group["loop"] = h5py.ExternalLink("a.h5", "/")
        elif kind == "nowhere":
            group["loop"] = h5py.SoftLink("/nowhere")
        elif kind == "type":
            group["loop"] = np.dtype("f8")
        else:
            for _ in range(1500):
                group = group.create_group("deeper")
    return kind


WAYS = {
    way.__name__: way
    for way in (
        flipped,
        flipped_index,
        overwritten,
        truncated,
        deleted,
        deleted_scale,
        swapped,
        attributes,
        lengths,
        numbers,
        history,
        claims,
        links,
    )
}
