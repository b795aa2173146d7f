"""The errors that a person is meant to read: what is wrong, where, and what to do."""


class JobForgeError(Exception):
    """Base of every error that the platform raises on purpose."""


class DeclarationError(JobForgeError):
    """A domain file says something that cannot be; known when definitions load."""


class ContractError(JobForgeError):
    """A table broke the contract of its layer; the previous table stays."""


class DeliveryError(JobForgeError):
    """A delivered file cannot be staged; the landing folder and earlier deliveries stay."""


class MissingTableError(JobForgeError):
    """A table that is read does not exist on disk yet."""
