"""What belongs together: versions of one article now, copies, stories and tenures as they land."""
