"""The messages that are not answers: what each one says, and its buttons and menus."""
