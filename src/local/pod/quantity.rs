//! Kubernetes quantities (`100m`, `1Gi`), as far as `resourceFieldRef` needs them.

/// Returns `quantity / divisor`, rounded up, as the kubelet gives it to a container.
pub(super) fn divide(quantity: &str, divisor: &str) -> Option<i128> {
    let value = nanos(quantity)?;
    let divisor = match divisor {
        "" | "0" => nanos("1")?,
        divisor => nanos(divisor)?,
    };
    let whole = value.checked_div(divisor)?;
    let rest = value.checked_rem(divisor)?;
    Some(if rest > 0 { whole.checked_add(1)? } else { whole })
}

/// Returns a quantity in billionths; `None` for what is no quantity.
fn nanos(quantity: &str) -> Option<i128> {
    let digits =
        quantity.trim_start_matches(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.']);
    let (number, suffix) = quantity.split_at_checked(quantity.len().checked_sub(digits.len())?)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let places = u32::try_from(fraction.len()).ok()?;
    let mantissa: i128 = [whole, fraction].concat().parse().ok()?;
    let scale = 10_i128.checked_pow(places)?;
    mantissa.checked_mul(factor(suffix)?)?.checked_div(scale)
}

/// Billionths that a suffix stands for.
fn factor(suffix: &str) -> Option<i128> {
    const ONE: i128 = 1_000_000_000;
    let decimal = |power: u32| 10_i128.checked_pow(power);
    Some(match suffix {
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "" => ONE,
        "k" => decimal(12)?,
        "M" => decimal(15)?,
        "G" => decimal(18)?,
        "T" => decimal(21)?,
        "P" => decimal(24)?,
        "E" => decimal(27)?,
        "Ki" => ONE << 10,
        "Mi" => ONE << 20,
        "Gi" => ONE << 30,
        "Ti" => ONE << 40,
        "Pi" => ONE << 50,
        "Ei" => ONE << 60,
        _ => decimal(suffix.strip_prefix(['e', 'E'])?.parse::<u32>().ok()?.checked_add(9)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_divided_and_rounded_up() {
        for (quantity, divisor, expect) in [
            ("100m", "", Some(1)),
            ("100m", "1m", Some(100)),
            ("1500m", "1", Some(2)),
            ("2", "0", Some(2)),
            ("256Mi", "1Mi", Some(256)),
            ("256Mi", "", Some(268_435_456)),
            ("1.5Gi", "1Mi", Some(1536)),
            ("1e3", "1", Some(1000)),
            ("1E", "1", Some(1_000_000_000_000_000_000)),
            ("x", "1", None),
            ("", "1", None),
            ("1", "-1", None),
            ("1e999", "1", None),
            ("99999999999999999999999999999999999999", "1", None),
        ] {
            assert_eq!(divide(quantity, divisor), expect, "{quantity} / {divisor}");
        }
    }
}
