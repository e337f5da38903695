"""What flows expect; a failure shows both sides."""


def equal(found, expected, about=""):
    if found != expected:
        raise AssertionError(f"{about or 'found'}: {shown(found)}, expected: {shown(expected)}")


def holds(condition, about):
    if not condition:
        raise AssertionError(shown(about))


def shown(value) -> str:
    text = repr(value)
    return text if len(text) < 2000 else f"{text[:2000]}… ({len(text)} characters)"
