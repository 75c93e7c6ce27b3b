//! Made-up people: those of whom there is something to see, and the others.

use crate::dice::Dice;
use std::time::Duration;

/// How somebody came, and is now.
pub(super) struct Shown {
    pub(super) born: i32,
    pub(super) place: &'static str,
    /// How long ago they were observed.
    pub(super) seen: Duration,
    pub(super) temperature: (f64, f64),
    pub(super) heart: (f64, f64),
    pub(super) systolic: (f64, f64),
    pub(super) spo2: (f64, f64),
}

type Course = (f64, f64);

const fn shown(
    (born, place, minutes): (i32, &'static str, u64),
    temperature: Course,
    heart: Course,
    systolic: Course,
    spo2: Course,
) -> Shown {
    Shown { born, place, seen: Duration::from_mins(minutes), temperature, heart, systolic, spo2 }
}

/// A number, a name and a course each.
pub(super) const SHOWN: [(u32, &str, Shown); 13] = [
    (1042, "Ines Okafor", shown((1968, "Harbour", 2), (36.9, 39.2), (76.0, 117.0), (124.0, 98.0), (97.6, 90.8))),
    (1017, "Leif Marandi", shown((1951, "Ferry", 6), (37.4, 37.9), (92.0, 126.0), (132.0, 128.0), (96.2, 95.6))),
    (1103, "Dalia Brandt", shown((1983, "Old Town", 1), (37.2, 39.3), (84.0, 101.0), (121.0, 118.0), (96.6, 96.9))),
    (1088, "Tomas Ferreira", shown((1974, "Harbour", 11), (37.1, 38.4), (82.0, 95.0), (124.0, 127.0), (97.2, 95.8))),
    (1064, "Mei-Lin Sørensen", shown((1946, "Saltmarsh", 4), (36.9, 37.2), (72.0, 75.0), (141.0, 155.0), (96.0, 95.6))),
    (1121, "Yusuf Adeyemi", shown((1990, "Riverside", 19), (38.9, 38.3), (96.0, 88.0), (119.0, 121.0), (97.4, 97.9))),
    (1095, "Pavel Novotny", shown((1962, "Station", 3), (37.0, 37.1), (78.0, 76.0), (131.0, 129.0), (96.2, 93.2))),
    (
        1033,
        "Henrik Achterberg",
        shown((1955, "Lakeside", 7 * 60), (36.8, 36.9), (70.0, 71.0), (133.0, 131.0), (97.0, 96.8)),
    ),
    (1009, "Greta Halloran", shown((1939, "Castle Hill", 8), (36.4, 36.6), (62.0, 56.0), (128.0, 124.0), (96.6, 96.2))),
    (1072, "Aisha Grunewald", shown((1979, "Mill Lane", 14), (37.6, 36.9), (84.0, 72.0), (118.0, 120.0), (97.6, 98.1))),
    (1130, "Oskar Lindqvist", shown((1987, "Northgate", 5), (36.7, 36.8), (66.0, 68.0), (122.0, 119.0), (98.2, 98.0))),
    (1051, "Chiara Weiss", shown((1995, "Orchard", 22), (36.9, 36.7), (71.0, 69.0), (112.0, 114.0), (98.4, 98.6))),
    (1119, "Samuel Oduya", shown((1958, "Eastfield", 9), (36.6, 36.9), (74.0, 79.0), (138.0, 136.0), (96.4, 96.8))),
];

/// Those who are well.
pub(super) const RANDOM: [&str; 35] = [
    "Amara Lindholm",
    "Bruno Castellan",
    "Clara Yamamoto",
    "Dario Petrov",
    "Elif Sandoval",
    "Farid Nyström",
    "Gwen Obafemi",
    "Hugo Marchetti",
    "Ilse Tanaka",
    "Jonas Rahimi",
    "Kaja Ferrante",
    "Lorenzo Achebe",
    "Maren Kowalski",
    "Nadim Eriksen",
    "Olga Baptiste",
    "Pierre Holmgren",
    "Quinn Azevedo",
    "Rosa Lehtinen",
    "Sami Delacroix",
    "Tilda Moreau",
    "Ugo Steiner",
    "Vera Papadakis",
    "Wim Osei",
    "Ximena Haugen",
    "Yara Vogel",
    "Zoran Bielski",
    "Anselm Duarte",
    "Birgit Salazar",
    "Cosmo Ivanova",
    "Delphine Aker",
    "Emeka Winter",
    "Frida Montoya",
    "Goran Sato",
    "Helmi Vasquez",
    "Ivo Lambert",
];

const LAST: [&str; 16] = [
    "Abara",
    "Brandvold",
    "Costa",
    "Demir",
    "Eklund",
    "Fontaine",
    "Gruber",
    "Hassan",
    "Ito",
    "Jansen",
    "Kovac",
    "Laurent",
    "Medina",
    "Novak",
    "Olsen",
    "Prado",
];

const FIRST: [&str; 16] = [
    "Alma", "Boris", "Celia", "Dmitri", "Enzo", "Fatima", "Georg", "Hana", "Isak", "Judit", "Kofi", "Lena", "Milan",
    "Nora", "Otto", "Paula",
];

pub(super) fn first_and_last(dice: &mut Dice) -> String {
    format!("{} {}", dice.pick(&FIRST), dice.pick(&LAST))
}
