"""The Faust agents, one file each; `app` builds the application and attaches them."""
