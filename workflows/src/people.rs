//! Questions to people and what they say, as a ledger. Pure: nothing here waits, and nothing here decides.

use empiric_schema::contract::{GivenAnswer, GivenRemark, LONGEST_NOTE};
use empiric_schema::question::{PersonAnswer, Question, QuestionAbout, Remark};
use empiric_schema::spec::Approver;

/// Most remarks of a run: a view carries all of them.
pub const MOST_REMARKS: usize = 50;

/// A question before it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is about.
    pub about: QuestionAbout,
    /// The question.
    pub text: String,
    /// What is known, one statement a line.
    pub context: Vec<String>,
    /// Who may not say yes, because they asked for it.
    pub requester: Option<String>,
}

/// Why an answer or a remark is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// There is no such question.
    #[error("{}", unknown(*number, open))]
    UnknownQuestion {
        /// The number that was given.
        number: u32,
        /// Numbers of the open questions.
        open: Vec<u32>,
    },
    /// Somebody was first.
    #[error("question {number} was {word} by {by} already, and an answer stands")]
    AlreadyAnswered {
        /// The question.
        number: u32,
        /// `approved` or `rejected`.
        word: &'static str,
        /// Who was first.
        by: String,
    },
    /// A yes to what one asked for oneself.
    #[error(
        "{by} asked for what question {number} is about, and `approver: other` has somebody else say yes"
    )]
    OwnRequest {
        /// The question.
        number: u32,
        /// Who answers.
        by: String,
    },
    /// An answer without a name.
    #[error("nobody is named: every answer is somebody's")]
    Nameless,
    /// A remark without words.
    #[error("the remark is empty")]
    Empty,
    /// Too many words.
    #[error("the text has {bytes} bytes, and {} is the most: put the rest into a file", LONGEST_NOTE)]
    Long {
        /// Its length.
        bytes: usize,
    },
    /// Too many remarks.
    #[error("this run has {} remarks, which is the most: put the rest into a file", MOST_REMARKS)]
    Many,
}

fn unknown(number: u32, open: &[u32]) -> String {
    let open: Vec<String> = open.iter().map(u32::to_string).collect();
    match open.as_slice() {
        [] => format!("there is no question {number}, and no question is open"),
        [one] => format!("there is no question {number}; open is question {one}"),
        many => format!("there is no question {number}; open are questions {}", many.join(", ")),
    }
}

/// All questions and remarks of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct People {
    questions: Vec<Question>,
    remarks: Vec<Remark>,
}

impl People {
    /// Asks a question at `now`, to be escalated after `patience` seconds; gives its number.
    pub fn ask(&mut self, draft: Draft, now: f64, patience: f64) -> u32 {
        let number = self.questions.len() as u32 + 1;
        let Draft { about, text, context, requester } = draft;
        self.questions.push(Question {
            number,
            about,
            text,
            context,
            asked: now,
            deadline: now + patience,
            escalated: None,
            requester,
            answer: None,
        });
        number
    }

    /// Whether this answer can be taken.
    ///
    /// # Errors
    /// When the question is unknown or answered, nobody is named, the note is too long, or somebody says yes to
    /// what they asked for themselves.
    pub fn check_answer(&self, given: &GivenAnswer) -> Result<(), PeopleError> {
        named(&given.by)?;
        short(&given.note)?;
        let question = self.question(given.question);
        let requester = question.and_then(|question| question.requester.as_deref());
        match question.map(|question| &question.answer) {
            Some(None) if given.approved && !Approver::Other.allows(requester, &given.by) => {
                Err(PeopleError::OwnRequest { number: given.question, by: given.by.clone() })
            }
            Some(None) => Ok(()),
            Some(Some(answer)) => Err(PeopleError::AlreadyAnswered {
                number: given.question,
                word: answer.word(),
                by: answer.by.clone(),
            }),
            None => Err(PeopleError::UnknownQuestion { number: given.question, open: self.open() }),
        }
    }

    /// Takes an answer; the question with it, unless it cannot be taken. The first answer stands.
    ///
    /// # Errors
    /// As [`People::check_answer`].
    pub fn answer(&mut self, given: GivenAnswer, now: f64) -> Result<Question, PeopleError> {
        self.check_answer(&given)?;
        let GivenAnswer { question: number, approved, by, note } = given;
        let open = self.open();
        let question = self.questions.iter_mut().find(|question| question.number == number);
        let question = question.ok_or(PeopleError::UnknownQuestion { number, open })?;
        question.answer = Some(PersonAnswer { approved, by, note, at: now });
        Ok(question.clone())
    }

    /// Marks an open question as escalated. An answered one, or one that is escalated already, stays as it is.
    pub fn escalate(&mut self, number: u32, now: f64) {
        let waits = |question: &&mut Question| question.number == number && question.is_open();
        if let Some(question) = self.questions.iter_mut().find(waits) {
            question.escalated.get_or_insert(now);
        }
    }

    /// Whether this remark can be taken.
    ///
    /// # Errors
    /// When nobody is named, it says nothing, it is too long, or there are too many.
    pub fn check_remark(&self, given: &GivenRemark) -> Result<(), PeopleError> {
        named(&given.by)?;
        if given.text.trim().is_empty() {
            return Err(PeopleError::Empty);
        }
        short(&given.text)?;
        short(given.expected.as_deref().unwrap_or_default())?;
        if self.remarks.len() < MOST_REMARKS { Ok(()) } else { Err(PeopleError::Many) }
    }

    /// Takes a remark.
    ///
    /// # Errors
    /// As [`People::check_remark`].
    pub fn remark(&mut self, given: GivenRemark, now: f64) -> Result<Remark, PeopleError> {
        self.check_remark(&given)?;
        let number = self.remarks.len() as u32 + 1;
        let GivenRemark { by, text, item, expected } = given;
        let remark = Remark { number, by, text, item, expected, at: now };
        self.remarks.push(remark.clone());
        Ok(remark)
    }

    /// The question of this number.
    pub fn question(&self, number: u32) -> Option<&Question> {
        self.questions.iter().find(|question| question.number == number)
    }

    /// All questions, in order.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// All remarks, in order.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn open(&self) -> Vec<u32> {
        self.questions.iter().filter(|question| question.is_open()).map(|question| question.number).collect()
    }
}

fn named(by: &str) -> Result<(), PeopleError> {
    if by.trim().is_empty() { Err(PeopleError::Nameless) } else { short(by) }
}

fn short(text: &str) -> Result<(), PeopleError> {
    if text.len() <= LONGEST_NOTE { Ok(()) } else { Err(PeopleError::Long { bytes: text.len() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> People {
        let mut people = People::default();
        let draft = Draft {
            about: QuestionAbout::Release,
            text: "release?".to_owned(),
            context: Vec::new(),
            requester: None,
        };
        assert_eq!((people.ask(draft.clone(), 10.0, 5.0), people.ask(draft, 11.0, 5.0)), (1, 2));
        people
    }

    fn yes(question: u32) -> GivenAnswer {
        GivenAnswer { question, approved: true, by: "ada".to_owned(), note: String::new() }
    }

    fn remark(text: &str) -> GivenRemark {
        GivenRemark { by: "ada".to_owned(), text: text.to_owned(), item: None, expected: None }
    }

    #[test]
    fn who_asked_for_it_may_say_no_and_not_yes() {
        let mut people = People::default();
        let requester = Some("ada".to_owned());
        let draft =
            Draft { about: QuestionAbout::Release, text: "?".to_owned(), context: Vec::new(), requester };
        people.ask(draft, 0.0, 1.0);
        let given = |by: &str, approved| GivenAnswer {
            question: 1,
            approved,
            by: by.to_owned(),
            note: String::new(),
        };
        let refused = people.check_answer(&given("Ada ", true)).unwrap_err().to_string();
        assert!(refused.contains("somebody else say yes"), "{refused}");
        assert_eq!(people.check_answer(&given("ada", false)), Ok(()));
        assert_eq!(people.check_answer(&given("bob", true)), Ok(()));
    }

    #[test]
    fn the_first_answer_stands_and_a_second_one_is_refused_by_name() {
        let mut people = asked();
        people.answer(yes(1), 12.0).unwrap();
        let no = GivenAnswer { approved: false, by: "bob".to_owned(), ..yes(1) };
        let refused = people.answer(no, 13.0).unwrap_err().to_string();
        assert_eq!(refused, "question 1 was approved by ada already, and an answer stands");
        let answer = people.question(1).and_then(|question| question.answer.clone()).unwrap();
        assert_eq!((answer.approved, answer.by.as_str(), answer.at), (true, "ada", 12.0));
    }

    #[test]
    fn an_unknown_question_is_told_with_the_open_ones() {
        let mut people = asked();
        let told = |people: &People, number| people.check_answer(&yes(number)).unwrap_err().to_string();
        assert_eq!(told(&people, 7), "there is no question 7; open are questions 1, 2");
        people.answer(yes(1), 12.0).unwrap();
        assert_eq!(told(&people, 7), "there is no question 7; open is question 2");
        people.answer(yes(2), 12.0).unwrap();
        assert_eq!(told(&people, 0), "there is no question 0, and no question is open");
    }

    #[test]
    fn escalating_decides_nothing_and_happens_once() {
        let mut people = asked();
        people.escalate(1, 15.0);
        people.escalate(1, 99.0);
        let question = people.question(1).unwrap();
        assert!(question.is_open());
        assert_eq!((question.deadline, question.escalated), (15.0, Some(15.0)));
        assert_eq!(people.question(2).unwrap().escalated, None);
        people.answer(yes(2), 12.0).unwrap();
        people.escalate(2, 16.0);
        assert_eq!(people.question(2).unwrap().escalated, None, "an answered question is not escalated");
    }

    #[test]
    fn nameless_empty_long_and_too_many_words_are_refused() {
        let mut people = asked();
        assert_eq!(
            people.check_answer(&GivenAnswer { by: " ".to_owned(), ..yes(1) }),
            Err(PeopleError::Nameless)
        );
        let note = "x".repeat(LONGEST_NOTE + 1);
        assert_eq!(
            people.check_answer(&GivenAnswer { note, ..yes(1) }),
            Err(PeopleError::Long { bytes: LONGEST_NOTE + 1 })
        );
        assert_eq!(people.check_remark(&remark(" \n")), Err(PeopleError::Empty));
        for number in 1..=MOST_REMARKS {
            assert_eq!(people.remark(remark("wrong"), 1.0).unwrap().number as usize, number);
        }
        assert_eq!(people.remark(remark("wrong"), 1.0), Err(PeopleError::Many));
    }
}
