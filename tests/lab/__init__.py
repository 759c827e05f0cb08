"""The lab: real Debian servers with systemd, made of namespaces on this machine."""
