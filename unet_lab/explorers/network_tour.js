export class Tour { constructor() {} toggle() {} }
