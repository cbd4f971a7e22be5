"""The site that is published: the same bytes for the same seed."""
import hashlib
import os
import random
import shutil
import time

SEED = 20261129
TEXT = ["js", "css", "svg", "json"]
BINARY = ["png", "jpg", "webp", "woff2"]


def make_site(folder, files, seed=SEED):
    """1 page at the top, 20 pages, the rest assets with hashes in their names; the same bytes for the same seed."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 11))) for _ in range(2000)]
    stock = " ".join(rng.choices(words, k=700_000)).encode()
    noise = rng.randbytes(4 << 20)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "assets").mkdir(parents=True)
    (folder / "pages").mkdir()

    def content(is_text, size):
        source = stock if is_text else noise
        at = rng.randrange(len(source) - size)
        mark = b"%016x " % rng.getrandbits(64)
        return (mark + source[at:at + size])[:size]

    names = []
    for index in range(files):
        size = int(min(max(rng.lognormvariate(10.22, 1.35), 1024), 2 << 20))
        if index <= 20:
            name = "index.html" if index == 0 else f"pages/page-{index:02}.html"
            data = b"<!doctype html><title>%d</title>" % index + content(True, min(size, 60_000))
        else:
            kind = rng.choice(TEXT if index % 2 else BINARY)
            data = content(kind in TEXT, size)
            name = f"assets/{kind}-{index:05}.{hashlib.sha256(data).hexdigest()[:10]}.{kind}"
        (folder / name).write_bytes(data)
        names.append(name)
    return names


def age(folder, seconds):
    """All files get one time, that long ago."""
    then = time.time() - seconds
    for file in folder.rglob("*"):
        os.utime(file, (then, then))


def change(folder, names, round_):
    """Five files get other bytes of another length: the page at the top, one more page, three assets."""
    for name in [names[0], names[7], names[100], names[500 % len(names)], names[-1]]:
        file = folder / name
        file.write_bytes(file.read_bytes() + b" changed %d" % round_)


def cache_control(name):
    if name.endswith(".html"):
        return "no-cache, no-store, must-revalidate"
    return "max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
