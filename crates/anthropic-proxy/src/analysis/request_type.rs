//! What a call was for, guessed from the words of its first user text and from the tools that its answer used.
//!
//! The names are those of the original's report. It is a guess, and the report says so.

/// The types in the order in which they are tried: the more special ones first, so that "fix the bug in the config file" is
/// debugging and not configuration.
const BY_WORDS: [(&str, &[&str]); 9] = [
    (
        "Debugging & Fixing",
        &[
            "fix", "bug", "error", "debug", "crash", "broken", "fails", "failing", "issue", "修复", "错误",
            "调试", "报错",
        ],
    ),
    (
        "Optimization & Refactoring",
        &[
            "refactor", "optimize", "optimise", "improve", "clean up", "simplify", "faster", "重构", "优化",
            "改进",
        ],
    ),
    ("Documentation", &["document", "readme", "comment", "docstring", "changelog", "文档", "注释", "说明"]),
    (
        "Configuration & Setup",
        &["config", "setup", "set up", "install", "deploy", "environment", "配置", "安装", "部署"],
    ),
    (
        "Code Generation",
        &[
            "create",
            "write",
            "implement",
            "generate",
            "build",
            "add",
            "develop",
            "创建",
            "编写",
            "实现",
            "生成",
            "添加",
        ],
    ),
    (
        "Code Analysis",
        &[
            "analyze",
            "analyse",
            "explain",
            "review",
            "understand",
            "what does",
            "how does",
            "why",
            "分析",
            "解释",
            "审查",
            "为什么",
        ],
    ),
    ("Data Processing", &["parse", "csv", "json", "convert", "transform", "extract", "数据", "转换", "解析"]),
    ("Task Management", &["todo", "plan", "task", "organize", "roadmap", "计划", "任务"]),
    ("Web Operations", &["search the web", "website", "url", "http", "browse", "fetch", "网页", "搜索"]),
];

/// Tools that say it when the words do not.
const BY_TOOL: [(&str, &[&str]); 5] = [
    ("Web Operations", &["WebSearch", "WebFetch", "web_search", "web_fetch"]),
    ("Task Management", &["TodoWrite", "TaskCreate", "TaskUpdate", "Agent", "Task"]),
    ("Code Generation", &["Edit", "MultiEdit", "NotebookEdit"]),
    ("File Operations", &["Read", "Write", "Glob", "Grep", "LS"]),
    ("Code Execution", &["Bash", "BashOutput", "code_execution", "bash_code_execution"]),
];

/// When neither words nor tools say anything.
const OTHER: &str = "General Query";

/// The type of a call with this first user text whose answer used these tools.
pub(crate) fn of(first_user_text: &str, tools: &[String]) -> &'static str {
    let text = first_user_text.to_lowercase();
    let words = BY_WORDS.iter().find(|(_, words)| words.iter().any(|word| has_word(&text, word)));
    let tool = || BY_TOOL.iter().find(|(_, names)| tools.iter().any(|tool| names.contains(&tool.as_str())));
    words.or_else(tool).map_or(OTHER, |(name, _)| name)
}

/// Whether a word begins in the text: "fix" in "fixes", not in "prefix". Chinese has no spaces, so there anywhere counts.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !word.is_ascii()
            || !text[..at].chars().next_back().is_some_and(|before| before.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_first_then_tools() {
        let cases: [(&str, &[&str], &str); 9] = [
            ("Fix the bug in the config file", &[], "Debugging & Fixing"),
            ("Use this prefix", &[], OTHER),
            ("请修复这个问题", &[], "Debugging & Fixing"),
            ("Write a function", &["Bash"], "Code Generation"),
            ("go on", &["Bash"], "Code Execution"),
            ("go on", &["Read", "Bash"], "File Operations"),
            ("go on", &["mcp__github__list"], OTHER),
            ("why is it slow?", &[], "Code Analysis"),
            ("", &[], OTHER),
        ];
        for (text, tools, expected) in cases {
            let tools: Vec<String> = tools.iter().map(|tool| (*tool).to_owned()).collect();
            assert_eq!(of(text, &tools), expected, "{text}");
        }
    }
}
