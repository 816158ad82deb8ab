"""The embedded servers: started, killed in every way, and started again."""
