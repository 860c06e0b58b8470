"""Checks of a repository of wheels: names, metadata, one version, one wheel a system, dependencies met.

`repository` is what is checked, `checking.check_repository` decides, `findings` is what comes out. Values in,
values out: reading files and nodes is for the services.
"""
