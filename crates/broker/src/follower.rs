//! Turns the deliveries of one partition into a stream without gaps (sans-IO).
