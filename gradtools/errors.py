"""The two ways a command ends badly: something failed, or it was asked wrongly."""


class GradtoolsError(Exception):
    """One line that says what was wrong, where, and what to do; exit status 1."""

    exit_status = 1


class UsageError(GradtoolsError):
    """The command was asked wrongly; exit status 2."""

    exit_status = 2
