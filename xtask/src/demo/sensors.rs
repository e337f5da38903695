//! Batches of measurements beside the pictures: a second of a machine's sensors as CSV.

use std::fmt::Write as _;

/// Measurements in a batch.
pub(crate) const ROWS: u32 = 200;

/// The measurements of one second.
pub(crate) fn batch(second: u32) -> String {
    let mut csv = String::from("time_ms,machine,temperature_c,vibration_mm_s,pressure_kpa,state\n");
    for row in 0..ROWS {
        let time = u64::from(second) * 1000 + u64::from(row) * 1000 / u64::from(ROWS);
        let angle = f64::from(second * ROWS + row) / 40.0;
        let temperature = 21.5 + 3.0 * (angle / 7.0).sin();
        let vibration = 1.2 + 0.8 * angle.sin() * (angle * 3.1).cos();
        let pressure = 101.3 + 0.4 * (angle / 3.0).cos();
        let state = if vibration > 1.8 { "check" } else { "ok" };
        // Writing to a string cannot fail.
        let _ =
            writeln!(csv, "{time},press-1,{temperature:.2},{vibration:.3},{pressure:.2},{state}");
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_header_and_its_rows_and_always_the_same() {
        let csv = batch(3);
        assert_eq!(csv, batch(3));
        assert_ne!(csv, batch(4));
        let fields: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [6; ROWS as usize + 1]);
        assert!(csv.lines().nth(1).unwrap().starts_with("3000,"));
    }
}
