//! The words and people that records are made of. All are invented; telephone numbers lie in the ranges
//! reserved for fiction, and addresses under `example.com`.

use super::random::{mix, push_uuid};

pub(super) const FIRST_NAMES: [&str; 40] = [
    "Amélie",
    "Noah",
    "Zoë",
    "Liam",
    "Olivia",
    "Mateo",
    "Sofía",
    "Jürgen",
    "Anaïs",
    "Yuki",
    "Priya",
    "Arjun",
    "Fatima",
    "Omar",
    "Chloé",
    "Björn",
    "Ingrid",
    "Łukasz",
    "Agnieszka",
    "Dmitri",
    "Светлана",
    "Wei",
    "美咲",
    "José",
    "María",
    "Kwame",
    "Ayodele",
    "Siobhán",
    "Grace",
    "Henry",
    "Isla",
    "Lucas",
    "Mila",
    "Ethan",
    "Emma",
    "Ravi",
    "Deepa",
    "Charlotte",
    "Daniel",
    "Hannah",
];

pub(super) const LAST_NAMES: [&str; 40] = [
    "Müller",
    "Smith",
    "García",
    "O'Brien",
    "Nguyễn",
    "Kowalski",
    "Tanaka",
    "Patel",
    "Singh",
    "Dubois",
    "Rossi",
    "Johansson",
    "Иванова",
    "Okafor",
    "Mensah",
    "Silva",
    "Fernández",
    "Brown",
    "Wilson",
    "Taylor",
    "Lee",
    "Kim",
    "山田",
    "Sharma",
    "Iyer",
    "Novák",
    "Horváth",
    "Yılmaz",
    "Haddad",
    "Cohen",
    "de la Cruz",
    "van den Berg",
    "Jones",
    "Davies",
    "Evans",
    "Walker",
    "Hughes",
    "Clark",
    "Lewis",
    "Young",
];

pub(super) const QUEUES: [&str; 12] = [
    "Default Queue",
    "Billing",
    "Technical Support",
    "Sales",
    "Retention",
    "Claims",
    "Atención al cliente",
    "Service clientèle",
    "Kundendienst",
    "Card Services \"Gold\"",
    "After Hours",
    "顧客サポート",
];

pub(super) const SKILLS: [&str; 9] = [
    "English",
    "Español",
    "Français",
    "Deutsch",
    "Billing",
    "Technical",
    "VIP",
    "Mortgages",
    "日本語",
];

pub(super) const INTENTS: [(&str, &str); 10] = [
    ("ConnectToAgent", "I want to talk to an agent"),
    ("Pay Bill", "Can you please pay my bill?"),
    ("transfer money", "Quiero transferir dinero"),
    ("Check Balance", "what's my balance"),
    ("Report Lost Card", "I've lost my card!! \u{1f622}"),
    ("Book Appointment", "Ich möchte einen Termin"),
    ("Cancel Order", "cancel order \"today\" please"),
    ("Track Parcel", "where is my parcel?"),
    ("Reset Password", "password reset\\login fails"),
    ("agent transfer", "agent"),
];

pub(super) const DISPOSITIONS: [&str; 9] = [
    "Resolved",
    "Requires Supervisor Attention",
    "Follow-up",
    "DROP-OFF",
    "Sale",
    "Complaint",
    "Wrong Number",
    "Escalated",
    "Resuelto",
];

pub(super) const CAMPAIGNS: [&str; 5] = [
    "Autumn Renewal",
    "Payment Reminder",
    "Customer Survey 2025",
    "Rentrée",
    "Win-back",
];

pub(super) const COLOURS: [&str; 6] = ["#add8e6", "#40e0d0", "#2e8b57", "#ff4500", "#9370db", "#ffd700"];

pub(super) const CITIES: [(&str, &str, &str); 6] = [
    ("Hyderabad", "India", "Example Telecom Ltd."),
    ("Austin", "United States", "Example Fiber"),
    ("München", "Germany", "Beispiel Netz GmbH"),
    ("São Paulo", "Brazil", "Exemplo Telecomunicações"),
    ("Orlando", "United States", "Example Cable"),
    ("Kraków", "Poland", "Przykład Internet"),
];

const TOPICS: [&str; 16] = [
    "a duplicate charge on the last invoice",
    "a delayed delivery",
    "the password of the online account",
    "an open insurance claim",
    "the terms of the contract",
    "a broken router",
    "the renewal of a card",
    "a refund for order",
    "an appointment at the branch",
    "roaming charges",
    "the change of an address",
    "a missing meter reading",
    "a mortgage application",
    "the cancellation of a subscription",
    "a payment that was declined",
    "the status of a repair",
];

const OPENINGS: [&str; 8] = [
    "The customer called about",
    "The customer asked for help with",
    "The caller wanted to know more about",
    "The customer initially expressed sadness but then explained",
    "The bot acknowledged the request concerning",
    "El cliente preguntó por",
    "Le client a demandé des informations sur",
    "Der Kunde fragte nach",
];

const SENTENCES: [&str; 16] = [
    "The bot informed the customer that an agent would be required and asked them to hold.",
    "The agent then joined the conversation and greeted the customer.",
    "The agent verified the customer's identity with two security questions.",
    "After a brief pause, the bot thanked the customer for waiting and connected them with an agent.",
    "The agent closed the conversation, indicating that the issue had been addressed.",
    "No additional details or issues were addressed in the conversation.",
    "The customer said \"that's exactly what I was told last time\" and asked for a supervisor.",
    "A confirmation was sent by e-mail, and the customer will call back within 48 hours if it does not arrive.",
    "Tras una breve pausa, el bot agradeció al cliente su espera y lo puso en contacto con un agente.",
    "Die Bestätigung wurde per E-Mail geschickt; der Kunde ist zufrieden.",
    "Le dossier a été transmis au service concerné.",
    "Steps tried:\n- restarted the device\n- checked the cabling",
    "お客様は折り返しのお電話をご希望です。",
    "The customer was offered a credit of €15 and accepted it.",
    "The agent placed the call on hold to consult with a colleague.",
    "The customer asked not to be contacted by telephone \u{1f4f5}.",
];

/// A note of `sentences` sentences after the opening; `bits` chooses them.
pub(super) fn note(bits: u64, sentences: usize) -> String {
    let mut text = String::with_capacity(160 + 90 * sentences);
    text.push_str(OPENINGS[(bits & 7) as usize]);
    text.push(' ');
    text.push_str(TOPICS[(bits >> 3 & 15) as usize]);
    text.push_str(" (ref. ");
    text.push_str(&(bits >> 40).to_string());
    text.push_str(").");
    for position in 0..sentences {
        text.push(' ');
        text.push_str(SENTENCES[(mix(bits, position as u64) & 15) as usize]);
    }
    text
}

/// How many agents work in the contact centre.
pub(super) const AGENTS: u64 = 180;

/// A person: an agent or a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// `u-` and a UUID.
    pub(super) id: String,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) email: String,
    /// With country code and `+`.
    pub(super) phone: String,
}

impl Person {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// Agent `number` of the contact centre, `0..AGENTS`.
pub(super) fn agent(seed: u64, number: u64) -> Person {
    person(mix(seed, 0xa9e0_0000_0000 + number), "agent", number)
}

/// Customer `number`; one number is always the same customer.
pub(super) fn customer(seed: u64, number: u64) -> Person {
    person(mix(seed, 0xc057_0000_0000 + number), "customer", number)
}

fn person(bits: u64, role: &str, number: u64) -> Person {
    let mut id = String::with_capacity(38);
    id.push_str("u-");
    push_uuid(&mut id, uuid_bits(bits, 5));
    Person {
        id,
        first: FIRST_NAMES[(bits % 40) as usize],
        last: LAST_NAMES[(bits / 40 % 40) as usize],
        email: format!("{role}.{number}@example.com"),
        phone: format!("+1{}55501{:02}", 201 + bits / 1600 % 780, bits / 1_300_000 % 100),
    }
}

/// 128 bits in the form of a UUID of the given version.
pub(super) fn uuid_bits(bits: u64, version: u128) -> u128 {
    let wide = (u128::from(mix(bits, 1)) << 64) | u128::from(mix(bits, 2));
    (wide & !(0xf << 76) & !(0x3 << 62)) | (version << 76) | (0x2 << 62)
}

/// `prefix` and a UUID without its first digit, as the API writes conversation and queue ids.
pub(super) fn short_id(prefix: &str, bits: u64) -> String {
    let mut text = String::with_capacity(prefix.len() + 36);
    text.push_str(prefix);
    push_uuid(&mut text, uuid_bits(bits, 4));
    text.remove(prefix.len());
    text
}

/// The id of queue `number`, an index into [`QUEUES`].
pub(super) fn queue_id(seed: u64, number: usize) -> String {
    short_id("qu-", mix(seed, 0x9e0e_0000 + number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_those_of_the_samples() {
        assert_eq!(
            queue_id(1, 0).len(),
            "qu-e30b539-dd3c-4e10-90a9-354a3e720000".len()
        );
        assert_eq!(
            customer(1, 5).id.len(),
            "u-13b82e29-91a3-5092-a7ba-b92c85270000".len()
        );
        assert_eq!(&customer(1, 5).id[16..17], "5");
        assert_ne!(queue_id(1, 0), queue_id(1, 1));
        assert_ne!(queue_id(1, 0), queue_id(2, 0));
    }

    #[test]
    fn notes_differ_and_grow() {
        assert_ne!(note(1 << 41, 2), note(2 << 41, 2));
        assert!(note(3, 4).len() > note(3, 1).len());
    }
}
