"""The command `bxl`: one module per family of commands, imported only when its command is called."""
