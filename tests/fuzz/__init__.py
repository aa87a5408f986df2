"""Bank files changed at random: each change is refused with its line, or changes nothing that money depends on."""
