"""Mutation testing of the pure decision: every small change of it must make its tests fail."""
