//! Single rules of the driver.
