"""Routes of the pages, one module per kind of visitor. They read queries, call services, and hold no rule."""
