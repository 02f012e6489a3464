"""One file a revision; none imports anything of Flowkeep's, so that each means the same for ever."""
