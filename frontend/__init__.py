"""The pages for people: server-rendered, in French, Dutch and English, complete without JavaScript."""
