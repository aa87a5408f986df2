"""Rules of law and of schemes as dated data, and the engines that read them: nothing here is a constant in code."""
