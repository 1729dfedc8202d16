"""Results as text: terminal, Markdown, JUnit."""
