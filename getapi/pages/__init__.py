"""What the pages for people say: the API's own values, arranged and put in plain words. Templates lay it out, nothing else reads it."""
