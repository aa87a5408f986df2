"""The papers: what they say (wording), how they look (layout), how they are signed, kept and checked.

Importing this package, or any of its modules but `layout`, loads neither ReportLab nor pyHanko.
"""
