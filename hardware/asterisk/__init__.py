"""The Asterisk line: AMI for control, FastAGI for the menu, and the files a PBX needs."""
