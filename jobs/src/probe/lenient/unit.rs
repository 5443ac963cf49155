//! Units of measure under one name each, however they are written.

/// The unit that a mark before or after a number stands for.
pub(super) fn of_sign(sign: char) -> Option<&'static str> {
    match sign {
        '£' => Some("pound"),
        '$' => Some("dollar"),
        '€' => Some("euro"),
        '%' => Some("percent"),
        _ => None,
    }
}

/// The unit that a word directly after a number stands for.
pub(super) fn of_word(word: &str) -> Option<&'static str> {
    const UNITS: [(&str, &[&str]); 26] = [
        ("second", &["s", "sec", "secs", "second", "seconds"]),
        ("minute", &["min", "mins", "minute", "minutes"]),
        ("hour", &["h", "hr", "hrs", "hour", "hours"]),
        ("day", &["d", "day", "days"]),
        ("week", &["wk", "wks", "week", "weeks"]),
        ("month", &["mo", "month", "months"]),
        ("year", &["yr", "yrs", "year", "years"]),
        ("am", &["am"]),
        ("pm", &["pm"]),
        ("pound", &["gbp", "quid", "pound", "pounds"]),
        ("pence", &["p", "pence", "penny"]),
        ("dollar", &["usd", "dollar", "dollars"]),
        ("euro", &["eur", "euro", "euros"]),
        ("percent", &["percent"]),
        ("millilitre", &["ml", "millilitre", "millilitres", "milliliter", "milliliters"]),
        ("litre", &["l", "litre", "litres", "liter", "liters"]),
        ("millimetre", &["mm", "millimetre", "millimetres", "millimeter", "millimeters"]),
        ("centimetre", &["cm", "centimetre", "centimetres", "centimeter", "centimeters"]),
        ("metre", &["m", "metre", "metres", "meter", "meters"]),
        ("kilometre", &["km", "kilometre", "kilometres", "kilometer", "kilometers"]),
        ("mile", &["mile", "miles"]),
        ("gram", &["g", "gram", "grams", "gramme", "grammes"]),
        ("kilogram", &["kg", "kilo", "kilos", "kilogram", "kilograms"]),
        ("kilowatt-hour", &["kwh"]),
        ("degree", &["°", "degree", "degrees"]),
        ("point", &["point", "points"]),
    ];
    UNITS.iter().find(|(_, words)| words.contains(&word)).map(|(unit, _)| *unit)
}
