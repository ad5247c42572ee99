use proptest::prelude::*;

use super::*;

fn token(quote: Quote, text: &str) -> Result<Option<String>, InvalidPrice> {
    quote
        .price::<Token>(text)
        .map(|price| price.map(|price| price.to_string()))
}

fn price(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn each_unit_becomes_dollars_per_token() {
    assert_eq!(token(Quote::UsdPerUnit, "0.00000059"), Ok(price("0.00000059")));
    assert_eq!(token(Quote::UsdPerUnit, "5e-07"), Ok(price("0.0000005")));
    assert_eq!(token(Quote::UsdPerThousand, "0.002"), Ok(price("0.000002")));
    assert_eq!(token(Quote::UsdPerMillion, "2.5"), Ok(price("0.0000025")));
    assert_eq!(token(Quote::UsdPerMillion, "$0.25"), Ok(price("0.00000025")));
    assert_eq!(token(Quote::CentsPerUnit, "0.000018"), Ok(price("0.00000018")));
    assert_eq!(token(Quote::TenThousandthsPerMillion, "2800"), Ok(price("0.00000028")));
    let near = scaled_price::<Token>("850", 9).map(|price| price.map(|price| price.to_string()));
    assert_eq!(near, Ok(price("0.00000085")));
}

#[test]
fn noise_of_binary_floats_is_rounded_away() {
    assert_eq!(
        token(Quote::UsdPerMillion, "2.5999999999999996"),
        Ok(price("0.0000026"))
    );
}

#[test]
fn zero_is_free_and_negative_or_empty_is_unknown() {
    assert_eq!(token(Quote::UsdPerUnit, "0"), Ok(price("0")));
    assert_eq!(token(Quote::UsdPerUnit, "0.000"), Ok(price("0")));
    assert_eq!(token(Quote::UsdPerUnit, "-0"), Ok(price("0")));
    assert_eq!(token(Quote::UsdPerUnit, "-1"), Ok(None));
    assert_eq!(token(Quote::UsdPerUnit, " "), Ok(None));
}

#[test]
fn what_is_no_price_is_refused() {
    for text in [
        "NaN",
        "inf",
        "1,5",
        "1.2.3",
        ".",
        "$",
        "-",
        "e5",
        "1e",
        "1e999999999999",
        "0x10",
        "--1",
    ] {
        assert_eq!(token(Quote::UsdPerUnit, text), Err(InvalidPrice::NotDecimal), "{text}");
    }
    assert_eq!(token(Quote::UsdPerUnit, "1e30"), Err(InvalidPrice::Absurd));
    assert_eq!(token(Quote::UsdPerUnit, "10001"), Err(InvalidPrice::Absurd));
    assert_eq!(token(Quote::UsdPerUnit, &"9".repeat(60)), Err(InvalidPrice::Absurd));
}

#[test]
fn rounding_is_half_to_even() {
    assert_eq!(token(Quote::UsdPerUnit, "0.0000000000000005"), Ok(price("0")));
    assert_eq!(
        token(Quote::UsdPerUnit, "0.0000000000000015"),
        Ok(price("0.000000000000002"))
    );
    assert_eq!(
        token(Quote::UsdPerUnit, "0.0000000000000025"),
        Ok(price("0.000000000000002"))
    );
}

proptest! {
    #[test]
    fn text_and_price_are_each_others_inverse(steps in 0..=ABSURD * ONE) {
        let price = Price::<Token>::from_steps(steps);
        let text = price.to_string();
        prop_assert!(!text.contains(['e', 'E', '-']));
        prop_assert_eq!(text.parse::<Price<Token>>(), Ok(price));
        prop_assert_eq!(serde_json::from_str::<Price<Token>>(&serde_json::to_string(&price).unwrap()).unwrap(), price);
    }

    #[test]
    fn a_million_times_the_price_per_token_is_the_price_per_million(micros in 0_u64..1_000_000_000) {
        let quoted = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let price = Quote::UsdPerMillion.price::<Token>(&quoted).unwrap().unwrap();
        prop_assert_eq!(price.steps(), micros * 1_000);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _price = Quote::CentsPerUnit.price::<Token>(&text);
    }
}
