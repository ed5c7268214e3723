//! Numbers as people read them: a true minus sign, and only digits that mean something.

/// Three decimals below 0.1, two below 10, one below 1000, none above.
pub fn short(x: f64) -> String {
    let decimals = match x.abs() {
        a if a >= 999.5 => 0,
        a if a >= 9.995 => 1,
        a if a >= 0.0995 || a == 0.0 => 2,
        _ => 3,
    };
    minus(format!("{x:.decimals$}"))
}

/// Millions, with two decimals below ten, else one.
pub fn millions(count: u64) -> String {
    let m = count as f64 / 1e6;
    if m < 9.995 {
        format!("{m:.2}")
    } else {
        format!("{m:.1}")
    }
}

/// With commas between thousands: `1,872,157`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or(""))
        .collect();
    groups.join(",")
}

/// A change in percent, with its sign: `−12.3 %`.
pub fn percent(x: f64) -> String {
    if x.abs() >= 99.95 {
        signed(x, 0) + " %"
    } else {
        signed(x, 1) + " %"
    }
}

/// A change in points, with its sign: `+1.3`.
pub fn points(x: f64) -> String {
    signed(x, 1)
}

/// `1 point`, `1.5 points`.
pub fn points_of(points: f64) -> String {
    format!("{points} point{}", if points == 1.0 { "" } else { "s" })
}

/// A COCO figure (0 to 1) in percent: `45.7`.
pub fn map(x: f64) -> String {
    format!("{:.1}", 100.0 * x)
}

/// Seconds as `45 s`, `3 min 20 s`, `2 h 05 min`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..=9 => format!("{seconds:.1} s"),
        10..=59 => format!("{s} s"),
        60..=3599 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// With its sign; `±0.0` if it rounds to zero.
pub fn signed(x: f64, decimals: usize) -> String {
    let text = format!("{x:+.decimals$}");
    if text.chars().any(|c| c.is_ascii_digit() && c != '0') {
        minus(text)
    } else {
        text.replace(['+', '-'], "±")
    }
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(short(0.7766), "0.78");
        assert_eq!(short(4.564), "4.56");
        assert_eq!(short(-203.37), "−203.4");
        assert_eq!(short(0.0312), "0.031");
        assert_eq!(short(1234.5), "1234");
        assert_eq!(millions(1_872_157), "1.87");
        assert_eq!(millions(86_705_005), "86.7");
        assert_eq!(thousands(1_872_157), "1,872,157");
        assert_eq!(thousands(12), "12");
        assert_eq!(percent(-12.345), "−12.3 %");
        assert_eq!(percent(0.01), "±0.0 %");
        assert_eq!(percent(250.4), "+250 %");
        assert_eq!(points(1.26), "+1.3");
        assert_eq!(
            (points_of(1.0), points_of(1.5)),
            ("1 point".into(), "1.5 points".into())
        );
        assert_eq!(map(0.4567), "45.7");
        assert_eq!(duration(3.21), "3.2 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7500.0), "2 h 05 min");
    }
}
