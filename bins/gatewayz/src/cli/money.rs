//! Prices for people.

use gatewayz_catalog::{Price, Token};

/// Steps of a price in one dollar per million tokens.
const PER_MILLION: u64 = 1_000_000_000;

/// A price per token, in US dollars per million of them, exact, with at least two decimal places. What is not known is
/// `-`, which is not the same as nothing.
pub(crate) fn per_million(price: Option<Price<Token>>) -> String {
    let Some(price) = price else {
        return "-".to_owned();
    };
    if price.is_free() {
        return "free".to_owned();
    }
    let (whole, rest) = (price.steps() / PER_MILLION, price.steps() % PER_MILLION);
    let mut fraction = format!("{rest:09}");
    while fraction.len() > 2 && fraction.ends_with('0') {
        fraction.pop();
    }
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use gatewayz_catalog::Quote;

    use super::per_million;

    #[test]
    fn prices_are_exact_and_unknown_is_not_free() {
        for (usd_per_million, shown) in [
            ("0.15", "0.15"),
            ("2.5", "2.50"),
            ("30", "30.00"),
            ("0.075", "0.075"),
            ("0.000000001", "0.000000001"),
            ("1234.5678", "1234.5678"),
            ("0", "free"),
        ] {
            let price = Quote::UsdPerMillion.price(usd_per_million).expect("a price");
            assert_eq!(per_million(price), shown, "{usd_per_million}");
        }
        assert_eq!(per_million(None), "-");
    }
}
