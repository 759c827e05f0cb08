"""Mail that waits in the queues of nodes."""
