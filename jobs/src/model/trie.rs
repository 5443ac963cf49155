//! A prefix tree over token sequences.

/// One token in the tree; the root has none, and is at place 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// The token that leads here from the parent.
    pub(crate) token: u32,
    /// Tokens from the root to here.
    pub(crate) depth: usize,
    /// Places of the nodes that come next, in the order in which the texts bring them.
    pub(crate) children: Vec<usize>,
    /// Numbers of the texts that end here.
    pub(crate) texts: Vec<usize>,
}

/// Token sequences that share their beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenTrie {
    nodes: Vec<Node>,
}

/// Place of the node where all texts begin.
pub(crate) const ROOT: usize = 0;

impl TokenTrie {
    /// The tree of these texts, numbered by their order.
    pub(crate) fn new(texts: &[Vec<u32>]) -> Self {
        let mut trie = Self { nodes: vec![Node::default()] };
        for (number, text) in texts.iter().enumerate() {
            let end = text.iter().fold(ROOT, |place, token| trie.step(place, *token));
            trie.nodes[end].texts.push(number);
        }
        trie
    }

    fn step(&mut self, place: usize, token: u32) -> usize {
        if let Some(child) = self.child(place, token) {
            return child;
        }
        let child = self.nodes.len();
        let depth = self.nodes[place].depth + 1;
        self.nodes[place].children.push(child);
        self.nodes.push(Node { token, depth, ..Node::default() });
        child
    }

    fn child(&self, place: usize, token: u32) -> Option<usize> {
        self.nodes[place].children.iter().copied().find(|child| self.nodes[*child].token == token)
    }

    /// The node at a place that this tree gave.
    pub(crate) fn node(&self, place: usize) -> &Node {
        &self.nodes[place]
    }

    /// Nodes, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The places on a text's path, without the root. Ends early where the text leaves the tree.
    pub(crate) fn path<'a>(&'a self, text: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
        text.iter().scan(ROOT, |place, token| {
            *place = self.child(*place, *token)?;
            Some(*place)
        })
    }

    /// Tokens of the longest text.
    pub(crate) fn depth(&self) -> usize {
        self.nodes.iter().map(|node| node.depth).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_share_their_beginnings() {
        let texts = [vec![1, 2, 3], vec![1, 2], vec![4], vec![], vec![4]];
        let trie = TokenTrie::new(&texts);
        assert_eq!((trie.len(), trie.depth()), (5, 3));
        assert_eq!(trie.node(ROOT).texts, [3]);
        assert_eq!(trie.path(&texts[0]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(trie.node(2).texts, [1]);
        assert_eq!(trie.node(4).texts, [2, 4]);
        assert_eq!(trie.path(&[1, 9]).count(), 1);
    }
}
