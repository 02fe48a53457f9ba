namespace winnow {}
