//! Made-up answers: believable talk about code, the same for the same seed and prompt.

use crate::mix;

const OPENINGS: [&str; 6] = [
    "I looked through the code that this touches.",
    "Here is what I found.",
    "The short answer: it is a small change in one place.",
    "I traced this from the entry point down.",
    "That works, with one thing to watch.",
    "I read the module and its tests first.",
];
const BODIES: [&str; 14] = [
    "The handler reads the whole body before it validates the length, so a slow client holds a worker for as long as it likes.",
    "Moving the check in front of the read fixes it, and the existing tests cover the rest.",
    "`parse_config` returns the defaults when the file is missing, which hides a typo in the path.",
    "The cache key leaves the locale out; two users with different languages can see each other's page.",
    "The retry loop doubles its wait without a limit, so the tenth attempt comes after seventeen minutes.",
    "I would keep the trait as it is and add a second implementation, because three callers match on the type.",
    "The migration is safe to run twice: each statement checks whether its column exists.",
    "Most of the time goes into serialising the same header on every row.",
    "A test with a frozen clock reproduces it every time.",
    "The lock is held across an await; under load that serialises every request.",
    "There is one caller left that still uses the old signature, in `cmd/report.go`.",
    "The type is inferred as `string | undefined` because the index is not checked.",
    "Splitting the file by concern would make this easier to see, but it is not needed for the fix.",
    "The numbers agree with the log: 412 of 9,830 requests took that branch.",
];
const SNIPPETS: [&str; 4] = [
    "```rust\nlet limit = headers.content_length().unwrap_or(0);\nif limit > MAX_BODY {\n    return Err(Error::TooLarge { limit });\n}\n```",
    "```ts\nconst key = `${user.id}:${locale}:${page}`;\nreturn cache.getOrSet(key, () => render(page, locale));\n```",
    "```python\ndef delay(attempt: int) -> float:\n    return min(30.0, 0.5 * 2 ** attempt) * random.uniform(0.8, 1.2)\n```",
    "```go\nfor rows.Next() {\n\tif err := rows.Scan(&r.ID, &r.Name); err != nil {\n\t\treturn nil, fmt.Errorf(\"row %d: %w\", n, err)\n\t}\n}\n```",
];
const CLOSINGS: [&str; 5] = [
    "All tests pass. Shall I open a pull request?",
    "I left the public interface unchanged.",
    "If you want it stricter, say so and I will add a check at the boundary.",
    "Next I would look at the same pattern in the importer.",
    "Nothing else in the repository depends on the old behaviour.",
];
const CHINESE: [&str; 6] = [
    "我先看了相关的代码和测试。",
    "问题出在缓存的键上:它没有包含语言,所以不同用户可能看到彼此的页面。",
    "把语言加进键里就能解决,改动只有一行。",
    "另外,重试的等待时间没有上限,建议最多三十秒。",
    "现有测试全部通过,我又补了一个用固定时钟的测试。",
    "公共接口没有变化,可以放心合并。",
];

/// An answer to `prompt`: longer for longer prompts, in Chinese for Chinese ones.
pub(super) fn answer(prompt: &str, seed: u64) -> String {
    let mut dice = Dice::new(prompt, seed);
    if prompt.chars().any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character)) {
        return CHINESE.concat();
    }
    let mut paragraphs = vec![dice.pick(&OPENINGS).to_owned()];
    for _ in 0..(1 + prompt.len() / 200).min(6) {
        let sentences: Vec<&str> = (0..2 + dice.below(2)).map(|_| dice.pick(&BODIES)).collect();
        paragraphs.push(sentences.join(" "));
    }
    if dice.below(2) == 0 {
        paragraphs.push(dice.pick(&SNIPPETS).to_owned());
    }
    paragraphs.push(dice.pick(&CLOSINGS).to_owned());
    paragraphs.join("\n\n")
}

/// About `count` words of made-up text.
pub(super) fn words(count: usize, seed: u64) -> String {
    let mut dice = Dice::new("words", seed);
    let mut words: Vec<&str> = Vec::new();
    while words.len() < count {
        words.extend(dice.pick(&BODIES).split(' '));
    }
    words.truncate(count);
    words.join(" ")
}

/// A thought about `prompt`.
pub(super) fn thought(prompt: &str, seed: u64) -> String {
    let mut dice = Dice::new(prompt, mix(seed));
    let start = prompt.lines().next().unwrap_or_default().chars().take(60).collect::<String>();
    format!(
        "The user asks: {start}. {} {} I should check the callers before I answer.",
        dice.pick(&BODIES),
        dice.pick(&BODIES)
    )
}

/// A title for a conversation that starts with `prompt`.
pub(super) fn title(prompt: &str) -> String {
    let words: Vec<&str> =
        prompt.split_whitespace().filter(|word| !word.contains(['[', '<', '{'])).take(6).collect();
    let title: String = words.join(" ").chars().take(50).collect();
    if title.is_empty() { "Simulated session".to_owned() } else { title }
}

struct Dice {
    state: u64,
}

impl Dice {
    fn new(text: &str, seed: u64) -> Self {
        Self { state: text.bytes().fold(mix(seed), |state, byte| mix(state ^ u64::from(byte))) }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state = mix(self.state);
        usize::try_from(self.state >> 33).unwrap_or_default() % limit.max(1)
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }
}
