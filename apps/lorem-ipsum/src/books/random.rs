//! Books that nobody wrote: words that sound like Latin, in sentences of a plausible length.

use super::model::WriteBook;
use crate::{dice::Dice, letters::capital};

/// From the frequent to the rare.
const WORDS: &str = "et in est non ad ut cum sed si quod qui ex lorem ipsum dolor sit amet ab per hoc ac quae nec \
    esse quam eius aut nunc sunt ita enim atque neque tamen omnia res modo vel sic inter ante post sine nisi quoque \
    magna terra mare aqua ignis ventus caelum stella luna sol nox dies annus tempus hora vita mors amor animus corpus \
    manus oculus caput vox nomen verbum liber pagina littera scriptor lector poeta carmen fabula historia memoria \
    fortuna natura ars labor otium bellum pax rex populus civis urbs via domus porta murus turris hortus arbor flos \
    folium fructus silva mons collis campus flumen fons lacus insula portus navis velum remus ancora piscis avis \
    leo lupus equus canis bos ovis apis formica papilio rana serpens panis vinum oleum sal mel lac caseus pomum \
    uva oliva rosa viola lilium cedrus quercus pinus ferrum aurum argentum gemma vestis toga pallium anulus corona \
    gladius scutum hasta arcus sagitta tuba lyra tibia cantus silentium umbra lumen aurora vesper crepusculum \
    consectetur adipiscing eiusmod tempor incididunt labore dolore aliqua veniam nostrud ullamco laboris aliquip \
    commodo consequat";

const FIRST: [&str; 12] = [
    "Aurelia",
    "Cassius",
    "Drusilla",
    "Fabius",
    "Livia",
    "Marcellus",
    "Octavia",
    "Priscus",
    "Sabina",
    "Titus",
    "Valeria",
    "Virgil",
];

const LAST: [&str; 12] = [
    "Amandus",
    "Borealis",
    "Corvinus",
    "Faustina",
    "Hortensius",
    "Lucanus",
    "Montanus",
    "Quercus",
    "Rusticus",
    "Silvanus",
    "Tranquilla",
    "Varro",
];

/// A book of so many pages.
pub(super) fn book(pages: i32) -> WriteBook {
    let (mut dice, words) = (Dice::new(), WORDS.split_whitespace().collect::<Vec<_>>());
    let author = format!("{} {}", dice.pick(&FIRST), dice.pick(&LAST));
    let length = 2 + dice.below(3);
    let title = capital(&some(&mut dice, &words, length).join(" "));
    let text = (0..pages).map(|_| page(&mut dice, &words)).collect();
    WriteBook { author, title, text }
}

fn page(dice: &mut Dice, words: &[&str]) -> String {
    let sentences = 8 + dice.below(8);
    (0..sentences).map(|_| sentence(dice, words)).collect::<Vec<_>>().join(" ")
}

fn sentence(dice: &mut Dice, words: &[&str]) -> String {
    let length = 5 + dice.below(10);
    let mut said = some(dice, words, length).join(" ");
    if length > 8
        && let Some(middle) = said.match_indices(' ').map(|(at, _)| at).nth(length / 2)
    {
        said.insert(middle, ',');
    }
    capital(&said) + "."
}

/// Frequent words more often than rare ones, and none twice in a row.
fn some<'a>(dice: &mut Dice, words: &[&'a str], count: usize) -> Vec<&'a str> {
    let mut said: Vec<&str> = Vec::with_capacity(count);
    while said.len() < count {
        let word = words[rarely(dice, words.len())];
        if said.last() != Some(&word) {
            said.push(word);
        }
    }
    said
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few words")]
fn rarely(dice: &mut Dice, count: usize) -> usize {
    let share = dice.share();
    ((share * share * count as f64) as usize).min(count - 1)
}
