"""What gancross reproduces of the paper: from run folders to records, from records to a page."""
