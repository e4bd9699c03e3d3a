"""The list: requests, their life cycle, the desk that changes them, and the service around it."""
