//! Made-up patients for a developer's machine: no person, place or value is real.
//!
//! The first time, a month of observations of some fifty patients and an outbreak that began at the harbour eleven
//! weeks ago; then a few observations at a time, as if somebody went on their rounds. All of it goes the way of what
//! is sent: states, alerts and cases follow from the observations and are nowhere written by hand.

use super::{
    Watching,
    limits::Vital,
    model::{Patient, Reading},
    people::{RANDOM, SHOWN, Shown, first_and_last},
    places::{PLACES, Tile},
    record::Records,
};
use crate::{
    dice::Dice,
    patients::model::{Alert, Case, Observation},
};
use std::time::Duration;
use tollgate::{Accounts, prelude::*};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// For how many days patients have been watched, and on how many of those once an hour; before that every third one.
const DAYS: u32 = 30;
const HOURLY: u32 = 3;
/// How many observations are sent at once, and made in a round.
const AT_ONCE: usize = 10_000;
const ROUND: u32 = 2;

fn because() -> System {
    System::because("made-up patients to look at, as `patients.demo` says")
}

/// Adds made-up patients, or observes some of those that are there, if `patients.demo` names a user who looks after them.
pub(super) async fn demo(
    settings: Config<Watching>,
    accounts: Accounts,
    patients: Store<Patient>,
    observations: Store<Observation>,
    alerts: Store<Alert>,
    cases: Store<Case>,
    Now(now): Now,
) -> Result<()> {
    let Some(email) = settings.demo.as_deref().filter(|email| !email.is_empty()) else { return Ok(()) };
    let records = Records { patients, observations, alerts, cases };
    if records.patients.find(&because().may(), Filter::every()).first().await?.is_some() {
        return round(&records, now).await;
    }
    let clinician = accounts.by_email(email).await.map_err(Problem::from)?.user_id.to_string();
    let (people, readings) = world(&clinician, now);
    // They are somebody's, and so not made by whoever asks.
    records.patients.upsert(&(because().may(), because().may()), people, []).await?;
    let mut readings = readings.into_iter();
    loop {
        let some: Vec<_> = readings.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        records.record(&because().may(), some, now, |index| format!("#/{index}")).await?;
    }
}

/// Observes those whose turn it is: a little from where they were.
async fn round(records: &Records, now: Timestamp) -> Result<()> {
    let there = Patient::DISCHARGED.is_null() & Patient::PATIENT_ID.starts_with("P-") & Patient::PATIENT_ID.ne(SILENT);
    let found = records.patients.find(&because().may(), there).sort(Patient::SEEN.asc()).limit(ROUND);
    let mut dice = Dice::new();
    let readings: Vec<_> = found.all().await?.iter().map(|patient| next(&mut dice, patient)).collect();
    if !readings.is_empty() {
        records.record(&because().may(), readings, now, |index| format!("#/{index}")).await?;
    }
    Ok(())
}

fn next(dice: &mut Dice, patient: &Patient) -> Reading {
    let mut near = |value: Option<i32>, spread: f64, (low, high): (f64, f64)| {
        value.map(|value| whole((f64::from(value) + dice.about(spread)).clamp(low, high)))
    };
    let (heart_rate, spo2) = (near(patient.heart_rate, 1.5, (44.0, 138.0)), near(patient.spo2, 0.5, (88.0, 99.0)));
    let (systolic, diastolic) =
        (near(patient.systolic, 2.0, (86.0, 172.0)), near(patient.diastolic, 1.5, (50.0, 104.0)));
    let temperature = patient.temperature.map(|value| (value + dice.about(0.06)).clamp(35.6, 40.2));
    Reading { temperature, heart_rate, systolic, diastolic, spo2, ..nothing(&patient.patient_id) }
}

/// Of whom nothing was heard for hours.
pub(super) const SILENT: &str = "P-1033";

/// Everybody, and everything that was observed until now.
fn world(clinician: &str, now: Timestamp) -> (Vec<Patient>, Vec<Reading>) {
    let mut dice = Dice::of(41);
    let (mut people, mut readings) = (vec![], vec![]);
    let random: Vec<Shown> = RANDOM.iter().map(|_| Shown::calm(&mut dice)).collect();
    let random = (1201..).zip(RANDOM).zip(&random).map(|((number, name), shown)| (number, name, shown));
    for (number, name, shown) in SHOWN.iter().map(|(number, name, shown)| (*number, *name, shown)).chain(random) {
        let id = format!("P-{number}");
        people.push(person(clinician, &id, name, shown.born, shown.place, None));
        readings.extend(course(&mut dice, &id, shown, now));
    }
    for (number, (tile, began)) in (1..).zip(outbreak(&mut dice, now)) {
        let (id, born) = (format!("C-{number:04}"), 1935 + whole(dice.share() * 75.0));
        people.push(person(clinician, &id, &first_and_last(&mut dice), born, tile.name, Some(now)));
        let temperature = Some(38.0 + dice.share() * 1.6);
        let symptoms = vec!["Cough".into()];
        readings.push(Reading { at: Some(began), temperature, symptoms, ..nothing(&id) });
    }
    (people, readings)
}

fn person(clinician: &str, id: &str, name: &str, born: i32, place: &str, discharged: Option<Timestamp>) -> Patient {
    let (patient_id, clinician, name, place) = (id.into(), clinician.into(), name.into(), place.into());
    Patient {
        patient_id,
        clinician,
        name,
        born,
        place,
        discharged,
        level: 0,
        temperature: None,
        heart_rate: None,
        systolic: None,
        diastolic: None,
        spo2: None,
        seen: None,
    }
}

fn nothing(id: &str) -> Reading {
    Reading {
        patient_id: id.into(),
        at: None,
        place: None,
        temperature: None,
        heart_rate: None,
        systolic: None,
        diastolic: None,
        spo2: None,
        symptoms: vec![],
    }
}

/// A month of somebody: as they came for a long time, then on the way to how they are.
fn course(dice: &mut Dice, id: &str, shown: &Shown, now: Timestamp) -> Vec<Reading> {
    let last = now - shown.seen;
    let far = (HOURLY * 24 + 1..DAYS * 24).rev().step_by(3);
    let mut walks = shown.walks();
    let reading = |back: u32| {
        let share = 1.0 - f64::from(back) / f64::from(HOURLY * 24);
        // Two hours of an afternoon are missing, as they do.
        let is_missing = back == 45 || back == 44;
        let [temperature, heart, systolic, diastolic, spo2] = walks.each_mut().map(|walk| walk.step(dice, share));
        let at = Some(last - HOUR * back);
        let symptoms = shown.symptoms(share, dice);
        (!is_missing).then(|| Reading {
            at,
            temperature: Some(temperature),
            heart_rate: Some(whole(heart)),
            systolic: Some(whole(systolic)),
            diastolic: Some(whole(diastolic)),
            spo2: Some(whole(spo2.min(99.0))),
            symptoms,
            ..nothing(id)
        })
    };
    far.chain((0..=HOURLY * 24).rev()).filter_map(reading).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "values of people are small")]
fn whole(value: f64) -> i32 {
    value.round() as i32
}

/// When and where a case began: a wave that travels from the harbour.
fn outbreak(dice: &mut Dice, now: Timestamp) -> Vec<(&'static Tile, Timestamp)> {
    let harbour = PLACES.iter().find(|tile| tile.name == "Harbour");
    let mut cases = vec![];
    for tile in &PLACES {
        let far = f64::from(harbour.map_or(0, |harbour| tile.distance(harbour)));
        for week in 0..12_u32 {
            let since = f64::from(week) - 4.6 - far * 1.15;
            let wave = 48.0 / (1.0 + 0.75 * far) / (1.0 + (-1.15 * (since - 2.1)).exp());
            let mean = if since > -2.0 { wave } else { 0.0 } + 0.4 + 0.5 * dice.share();
            for _ in 0..whole((mean + dice.about(mean.sqrt() * 0.4)).max(0.0)) {
                let ago = DAY * 7 * (11 - week) + DAY.mul_f64(7.0 * dice.share());
                cases.push((tile, now - ago));
            }
        }
    }
    cases
}

impl Shown {
    /// Somebody with nothing the matter.
    fn calm(dice: &mut Dice) -> Self {
        let mut near = |value: f64, spread: f64| {
            let value = value + dice.about(spread);
            (value, value)
        };
        let (temperature, heart) = (near(36.8, 0.15), near(72.0, 4.0));
        let (systolic, spo2) = (near(124.0, 5.0), near(97.5, 0.4));
        let born = 1935 + whole(dice.share() * 70.0);
        let seen = Duration::from_mins(1 + dice.below(24) as u64);
        Self { born, place: dice.pick(&PLACES).name, seen, temperature, heart, systolic, spo2 }
    }

    fn walks(&self) -> [Walk; 5] {
        let diastolic = (self.systolic.0 * 0.62 + 4.0, self.systolic.1 * 0.62 + 4.0);
        [
            Walk::new(self.temperature, 0.07),
            Walk::new(self.heart, 1.6),
            Walk::new(self.systolic, 1.6),
            Walk::new(diastolic, 1.1),
            Walk::new(self.spo2, 0.2),
        ]
    }

    /// Who is feverish coughs now and then.
    fn symptoms(&self, share: f64, dice: &mut Dice) -> Vec<String> {
        let is_ill = share > 0.2 && Vital::Temperature.level(self.temperature.1) > super::limits::Level::Stable;
        let words: &[&str] =
            if is_ill { &["Cough", "Chills", "Headache", "Shortness of breath"] } else { &["Tiredness"] };
        let often = if is_ill { 0.5 } else { 0.04 };
        if dice.share() < often { vec![(*dice.pick(words)).to_owned()] } else { vec![] }
    }
}

/// A value on its way from one to another: a slow drift with a little noise that lasts.
struct Walk {
    from: f64,
    to: f64,
    noise: f64,
    off: f64,
}

impl Walk {
    fn new((from, to): (f64, f64), noise: f64) -> Self {
        Self { from, to, noise, off: 0.0 }
    }

    fn step(&mut self, dice: &mut Dice, share: f64) -> f64 {
        self.off = 0.6 * self.off + dice.about(self.noise);
        let share = share.clamp(0.0, 1.0);
        // From slow to fast to slow.
        let share = share * share * (3.0 - 2.0 * share);
        self.from + (self.to - self.from) * share + self.off
    }
}
