"""What a step tells the catalog: declarations and what was measured, put together as documents."""
